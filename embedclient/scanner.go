package embedclient

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// scanner reads JSON front to back. It is several times faster than encoding/json on the long arrays
// of numbers that embeddings are, and allocates only results. In strings it lets control characters
// pass, which JSON wants escaped.
type scanner struct {
	buf []byte
	pos int
}

// fail returns ErrBadResponse with the place.
func (s *scanner) fail(want string) error {
	return fmt.Errorf("%w: %s expected at byte %d", ErrBadResponse, want, s.pos)
}

// peek skips white space and returns the next byte without taking it, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// take takes the next byte if it is c.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// array calls item before each element of an array; item must take the element.
func (s *scanner) array(item func() error) error {
	if !s.take('[') {
		return s.fail("an array")
	}
	if s.take(']') {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("',' or ']'")
		}
	}
}

// object calls member with the key of each member of an object; member must take the value. The key
// is only valid during the call.
func (s *scanner) object(member func(key []byte) error) error {
	if !s.take('{') {
		return s.fail("an object")
	}
	if s.take('}') {
		return nil
	}
	for {
		key, err := s.str()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return s.fail("':'")
		}
		if err := member(key); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.fail("',' or '}'")
		}
	}
}

// str takes a string and returns its content: a part of the buffer unless it has escapes.
func (s *scanner) str() ([]byte, error) {
	if !s.take('"') {
		return nil, s.fail("a string")
	}
	start := s.pos
	end := bytes.IndexByte(s.buf[start:], '"')
	if end >= 0 && bytes.IndexByte(s.buf[start:start+end], '\\') < 0 {
		s.pos = start + end + 1
		return s.buf[start : start+end], nil
	}
	for i := start; i < len(s.buf); i++ {
		switch s.buf[i] {
		case '\\':
			i++
		case '"':
			var text string
			if err := json.Unmarshal(s.buf[start-1:i+1], &text); err != nil {
				return nil, s.fail("a valid string")
			}
			s.pos = i + 1
			return []byte(text), nil
		}
	}
	return nil, s.fail("the end of a string")
}

// skip takes a value of any type.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return s.fail("less nesting")
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case c == '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := s.number()
		return err
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
			s.pos += len(word)
			return nil
		}
	}
	return s.fail("a value")
}

// end makes sure that nothing follows.
func (s *scanner) end() error {
	if s.peek(); s.pos != len(s.buf) {
		return s.fail("the end")
	}
	return nil
}

// integer takes a number from 0 to max.
func (s *scanner) integer(max int) (int, error) {
	s.peek()
	start, value := s.pos, 0
	for s.pos < len(s.buf) && s.buf[s.pos] >= '0' && s.buf[s.pos] <= '9' && value <= max {
		value = value*10 + int(s.buf[s.pos]-'0')
		s.pos++
	}
	if s.pos == start || value > max {
		s.pos = start
		return 0, s.fail(fmt.Sprintf("a whole number up to %d", max))
	}
	return value, nil
}
