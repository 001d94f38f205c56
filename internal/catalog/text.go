package catalog

import (
	"strings"
	"unicode/utf8"
)

// EscapeID writes an id without NUL, which databases don't take in texts, and so that escaped ids compare as the ids
// do.
func EscapeID(id string) string {
	if strings.IndexByte(id, 0) < 0 && strings.IndexByte(id, 1) < 0 {
		return id
	}
	return strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02").Replace(id)
}

// UnescapeID is the inverse of EscapeID.
func UnescapeID(escaped string) string {
	if strings.IndexByte(escaped, 1) < 0 {
		return escaped
	}
	return strings.NewReplacer("\x01\x01", "\x00", "\x01\x02", "\x01").Replace(escaped)
}

// PrefixEnd gives the least text that is greater than all that begin with prefix, comparing bytes; "" if there is none.
func PrefixEnd(prefix string) string {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		if runes[i] == utf8.MaxRune {
			continue
		}
		runes[i]++
		if !utf8.ValidRune(runes[i]) {
			runes[i] = surrogateEnd
		}
		return string(runes[:i+1])
	}
	return ""
}

// surrogateEnd is the rune after those that UTF-8 leaves out.
const surrogateEnd = 0xE000

// clean makes free text one that databases take: cut to limit bytes, valid UTF-8, no NUL.
func clean(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
		for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
			if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
				if !utf8.FullRuneInString(tail) {
					text = text[:len(text)-n]
				}
				break
			}
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
