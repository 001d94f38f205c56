package analysis

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/unicode/norm"
)

// normalized is a text in form KC, ignorable characters removed and ASCII in lower case, with the way back
// to the offsets of the original.
type normalized struct {
	text string
	// stripped were made before composed; nil if nothing changed.
	stripped, composed edits
}

func normalize(text string) normalized {
	if isASCII(text) {
		return normalized{text: lowerASCII(text)}
	}
	var n normalized
	n.text, n.stripped = strip(blankInvalid(text))
	n.text, n.composed = compose(n.text)
	n.text = lowerASCII(n.text)
	return n
}

// span gives the original's offsets of the bytes [from, to), which must not be empty.
func (n *normalized) span(from, to int) (start, end int) {
	if n.stripped == nil && n.composed == nil {
		return from, to
	}
	return n.stripped.start(n.composed.start(from)), n.stripped.end(n.composed.end(to))
}

// blankInvalid puts a space in place of every invalid byte, which keeps the offsets.
func blankInvalid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	out := []byte(text)
	for i := 0; i < len(out); {
		r, size := utf8.DecodeRune(out[i:])
		if r == utf8.RuneError && size == 1 {
			out[i] = ' '
		}
		i += size
	}
	return string(out)
}

// strip removes ignorable characters.
func strip(text string) (string, edits) {
	if strings.IndexFunc(text, ignorable) < 0 {
		return text, nil
	}
	var list edits
	out := make([]byte, 0, len(text))
	for i, r := range text {
		size := utf8.RuneLen(r)
		if ignorable(r) {
			list = append(list, edit{len(out), len(out), i, i + size})
			continue
		}
		out = append(out, text[i:i+size]...)
	}
	return string(out), list
}

// ignorable tells of characters that steer the display only: soft hyphens, joiners, direction marks,
// variation selectors and tags. The zero width space is none, for it separates words.
func ignorable(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0xfeff:
		return true
	case r < 0x180b:
		return false
	}
	return r <= 0x180f || r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe0fff
}

// compose brings a valid text into form KC. What is in it already is copied whole.
func compose(text string) (string, edits) {
	at := norm.NFKC.QuickSpanString(text)
	if at == len(text) {
		return text, nil
	}
	var list edits
	out := make([]byte, 0, len(text)+len(text)/8)
	out = append(out, text[:at]...)
	for at < len(text) {
		size := norm.NFKC.NextBoundaryInString(text[at:], true)
		if size <= 0 {
			size = len(text) - at
		}
		from := len(out)
		out = norm.NFKC.AppendString(out, text[at:at+size])
		if string(out[from:]) != text[at:at+size] {
			list = append(list, edit{from, len(out), at, at + size})
		}
		at += size
		span := norm.NFKC.QuickSpanString(text[at:])
		out = append(out, text[at:at+span]...)
		at += span
	}
	return string(out), list
}

// lowerASCII lower-cases A to Z, which keeps the offsets; fold does the others, word by word.
func lowerASCII(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			out := []byte(text)
			for ; i+8 <= len(out); i += 8 {
				binary.LittleEndian.PutUint64(out[i:], lowerEight(binary.LittleEndian.Uint64(out[i:])))
			}
			for ; i < len(out); i++ {
				if c := out[i]; c >= 'A' && c <= 'Z' {
					out[i] = c + 'a' - 'A'
				}
			}
			return unsafe.String(&out[0], len(out)) // nobody else has it
		}
	}
	return text
}

// lowerEight lower-cases A to Z among eight bytes. Without their high bits, which stay, no sum of bytes carries into the
// next.
func lowerEight(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	low := w &^ high
	fromA, aboveZ := low+(0x80-'A')*ones, low+(0x80-'Z'-1)*ones
	return w | (fromA&^aboveZ&^w&high)>>2
}

func isASCII(s string) bool {
	for len(s) >= 8 {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&utf8.RuneSelf != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
