package api

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// rawString reads a string and gives what stands between the quotes, and whether it holds escapes. It
// is valid UTF-8 and its escapes are well-formed only once unescape has read them.
func (s *scanner) rawString() (raw []byte, escaped bool, err error) {
	if err := s.want(kindString); err != nil {
		return nil, false, err
	}
	start := s.pos + 1
	ascii := true
	for i := start; i < len(s.data); i++ {
		c := s.data[i]
		if c >= 0x80 {
			ascii = false
			continue
		}
		switch {
		case c == '"':
			s.pos = i + 1
			raw = s.data[start:i]
			if !ascii && !utf8.Valid(raw) {
				return nil, false, bad("holds invalid UTF-8 %s", invalidAt(raw, start))
			}
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			s.pos = i
			return nil, false, bad("malformed JSON: unescaped control character 0x%02x at byte %d", c, i)
		}
	}
	s.pos = len(s.data)
	return nil, false, s.syntax("the end of a string")
}

// invalidAt tells where raw, which starts at the offset, stops being UTF-8.
func invalidAt(raw []byte, offset int) string {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			return "(byte 0x" + strconv.FormatUint(uint64(raw[i]), 16) + " at byte " + strconv.Itoa(offset+i) + ")"
		}
		i += n
	}
	return ""
}

// string reads a string into fresh memory.
func (s *scanner) string() (string, error) {
	raw, escaped, err := s.rawString()
	if err != nil {
		return "", err
	}
	if !escaped {
		return string(raw), nil
	}
	text, err := unescape(make([]byte, 0, len(raw)), raw)
	if err != nil {
		return "", err
	}
	return string(text), nil
}

// unescape appends raw with its escapes resolved.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++ // rawString has seen that a byte follows
		switch raw[i] {
		case '"', '\\', '/':
			dst = append(dst, raw[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, n, err := unicodeEscape(raw[i+1:])
			if err != nil {
				return nil, err
			}
			dst = utf8.AppendRune(dst, r)
			i += n
		default:
			return nil, bad("malformed JSON: unknown escape in a string")
		}
	}
	return dst, nil
}

// unicodeEscape reads what follows \u, a second escape included if the first is half of a pair, and
// gives the number of bytes read.
func unicodeEscape(raw []byte) (rune, int, error) {
	first, ok := hex4(raw)
	if !ok {
		return 0, 0, bad("malformed JSON: \\u without four hexadecimal digits")
	}
	if !utf16.IsSurrogate(first) {
		return first, 4, nil
	}
	if len(raw) >= 10 && raw[4] == '\\' && raw[5] == 'u' {
		if second, ok := hex4(raw[6:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, 10, nil
			}
		}
	}
	return 0, 0, bad("holds half of a surrogate pair, which is no Unicode text")
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range raw[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendCompact appends valid JSON without the space between its tokens.
func appendCompact(dst, raw []byte) []byte {
	inString := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case inString:
			dst = append(dst, c)
			if c == '\\' {
				i++
				dst = append(dst, raw[i])
			} else if c == '"' {
				inString = false
			}
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		default:
			inString = c == '"'
			dst = append(dst, c)
		}
	}
	return dst
}
