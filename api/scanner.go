package api

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) strictly and without reflection. Its errors are problems about the
// value being read; callers add the path by within.
type scanner struct {
	data []byte
	pos  int
}

// kind of a JSON value, by its first byte.
type kind uint8

const (
	kindNone kind = iota
	kindString
	kindNumber
	kindObject
	kindArray
	kindBool
	kindNull
)

func (k kind) String() string {
	switch k {
	case kindString:
		return "a string"
	case kindNumber:
		return "a number"
	case kindObject:
		return "an object"
	case kindArray:
		return "an array"
	case kindBool:
		return "a boolean"
	case kindNull:
		return "null"
	}
	return "no value"
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek skips space and gives the kind of the next value.
func (s *scanner) peek() kind {
	s.space()
	if s.pos == len(s.data) {
		return kindNone
	}
	switch c := s.data[s.pos]; {
	case c == '"':
		return kindString
	case c == '{':
		return kindObject
	case c == '[':
		return kindArray
	case c == 't' || c == 'f':
		return kindBool
	case c == 'n':
		return kindNull
	case c == '-' || '0' <= c && c <= '9':
		return kindNumber
	}
	return kindNone
}

// syntax is the error of malformed JSON at the present position.
func (s *scanner) syntax(wanted string) error {
	if s.pos >= len(s.data) {
		return bad("malformed JSON: ends at byte %d where %s should be", len(s.data), wanted)
	}
	c := s.data[s.pos]
	found := fmt.Sprintf("byte 0x%02x", c)
	if c > ' ' && c < 0x7f {
		found = strconv.Quote(string(rune(c)))
	}
	return bad("malformed JSON: %s at byte %d where %s should be", found, s.pos, wanted)
}

// want gives an error unless the next value is of kind k.
func (s *scanner) want(k kind) error {
	switch got := s.peek(); got {
	case k:
		return nil
	case kindNone:
		return s.syntax(k.String())
	default:
		return bad("is %s, must be %s", got, k)
	}
}

// end gives an error if anything but space follows.
func (s *scanner) end() error {
	s.space()
	if s.pos < len(s.data) {
		return s.syntax("the end of the input")
	}
	return nil
}

// object calls each with every key; each must read the value. A key that comes twice is an error.
func (s *scanner) object(each func(key string) error) error {
	if err := s.want(kindObject); err != nil {
		return err
	}
	s.pos++
	s.space()
	if s.take('}') {
		return nil
	}
	var seen keySet
	for {
		if s.space(); s.pos == len(s.data) || s.data[s.pos] != '"' {
			return s.syntax("a key")
		}
		key, err := s.string()
		if err != nil {
			return err
		}
		if seen.add(key) {
			return badField(key, "appears twice in one object")
		}
		if s.space(); !s.take(':') {
			return within(key, s.syntax("a colon"))
		}
		if err := each(key); err != nil {
			return within(key, err)
		}
		s.space()
		if s.take(',') {
			continue
		}
		if s.take('}') {
			return nil
		}
		return s.syntax("a comma or the end of the object")
	}
}

// array calls each with every index; each must read the value.
func (s *scanner) array(each func(i int) error) error {
	if err := s.want(kindArray); err != nil {
		return err
	}
	s.pos++
	s.space()
	if s.take(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := each(i); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
		s.space()
		if s.take(',') {
			continue
		}
		if s.take(']') {
			return nil
		}
		return s.syntax("a comma or the end of the array")
	}
}

func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// rawNumber reads a number and gives its text.
func (s *scanner) rawNumber() ([]byte, error) {
	if err := s.want(kindNumber); err != nil {
		return nil, err
	}
	start := s.pos
	s.take('-')
	if !s.take('0') && !s.digits() {
		return nil, s.syntax("a digit")
	}
	if s.take('.') && !s.digits() {
		return nil, s.syntax("a digit")
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return nil, s.syntax("a digit")
		}
	}
	return s.data[start:s.pos], nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) float() (float64, error) {
	raw, err := s.rawNumber()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, bad("is outside the range of a 64-bit float")
	}
	return f, nil
}

func (s *scanner) float32() (float32, error) {
	raw, err := s.rawNumber()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(raw), 32)
	if err != nil {
		return 0, bad("is outside the range of a 32-bit float")
	}
	return float32(f), nil
}

// int reads an integer; 2.0 and 2e3 are integers too, as JSON knows no difference.
func (s *scanner) int() (int64, error) {
	raw, err := s.rawNumber()
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, nil
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err == nil && f >= -exact && f <= exact && f == float64(int64(f)):
		return int64(f), nil
	case err == nil && f >= -exact && f <= exact:
		return 0, bad("is %s, must be a whole number", clip(raw))
	}
	return 0, bad("is %s, outside the range of a 64-bit integer", clip(raw))
}

func (s *scanner) bool() (bool, error) {
	if err := s.want(kindBool); err != nil {
		return false, err
	}
	if s.data[s.pos] == 't' {
		return true, s.literal("true")
	}
	return false, s.literal("false")
}

// null reads null if it is next.
func (s *scanner) null() (bool, error) {
	if s.peek() != kindNull {
		return false, nil
	}
	return true, s.literal("null")
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.syntax(word)
	}
	s.pos += len(word)
	return nil
}

// clip shortens what a message quotes.
func clip[T string | []byte](text T) string {
	const most = 64
	if len(text) <= most {
		return string(text)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return string(text[:cut]) + "…"
}

// keySet finds keys that come twice: by comparing while few, by a map beyond.
type keySet struct {
	few  []string
	many map[string]struct{}
}

func (k *keySet) add(key string) (seen bool) {
	const few = 16
	if k.many != nil {
		_, seen = k.many[key]
		k.many[key] = struct{}{}
		return seen
	}
	for _, old := range k.few {
		if old == key {
			return true
		}
	}
	if k.few = append(k.few, key); len(k.few) > few {
		k.many = make(map[string]struct{}, 4*few)
		for _, old := range k.few {
			k.many[old] = struct{}{}
		}
	}
	return false
}
