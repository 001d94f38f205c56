package passage

import (
	"unicode"
	"unicode/utf8"
)

// cutter cuts what has no sentences, or one that is too long.
type cutter struct {
	*ruler
	size, overlap int
}

// cut gives the pieces of the text from one place to another.
func (c *cutter) cut(dst []Passage, from, to int, heading string) []Passage {
	for start, known := from, from; ; {
		end := c.end(start, known, to)
		if end == 0 {
			// The overlap leaves no room for what comes next.
			start = known
			end = c.end(start, known, to)
		}
		dst = append(dst, Passage{Start: start, End: end, Heading: heading})
		if end == to {
			return dst
		}
		start, known = c.resume(start, end), end
	}
}

// end gives where the piece from start ends, which is after known; 0 if there is no such place and start is before
// known.
func (c *cutter) end(start, known, to int) int {
	limit := c.reach(start, c.size, 1)
	if limit >= to {
		return to
	}
	lowest := max(known, c.reach(start, c.size/2, 2))
	if at := c.phrase(start, lowest, limit); at > 0 {
		return at
	}
	for at := limit; at > known; {
		if apart(c.text, start, at) {
			return at
		}
		_, size := utf8.DecodeLastRuneInString(c.text[:at])
		at -= size
	}
	if start < known {
		return 0
	}
	return c.tear(start, limit)
}

// tear gives where to cut a character that is larger than a passage, or is by the rules of apart alone.
func (c *cutter) tear(start, limit int) int {
	for at := limit; at > start; {
		if next, _ := utf8.DecodeRuneInString(c.text[at:]); !extends(next) {
			return at
		}
		_, size := utf8.DecodeLastRuneInString(c.text[:at])
		at -= size
	}
	if limit > start {
		return limit
	}
	_, size := utf8.DecodeRuneInString(c.text[start:])
	return start + size
}

// phrase gives the last place after lowest and up to limit where a word or a phrase ends, 0 if there is none.
func (c *cutter) phrase(start, lowest, limit int) int {
	for at := limit; at > lowest; {
		r, size := utf8.DecodeLastRuneInString(c.text[:at])
		if (unicode.IsSpace(r) || endsPhrase(r)) && !followsOn(c.text[at:]) && apart(c.text, start, at) {
			return at
		}
		at -= size
	}
	return 0
}

// endsPhrase reports whether one may pause after r, which is followed by no space.
func endsPhrase(r rune) bool {
	switch r {
	case '、', '，', '；', '：', '・':
		return true
	}
	return terminates(r) || closes(r)
}

// followsOn reports whether a text starts with what belongs to the phrase before.
func followsOn(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsSpace(r) || endsPhrase(r)
}

// resume gives where the piece after the one from start to end starts: as far back as the overlap goes, at a word if
// there is one.
func (c *cutter) resume(start, end int) int {
	if c.overlap == 0 {
		return end
	}
	first := max(c.back(end, c.overlap, 2), start)
	for at := first; at < end; {
		r, size := utf8.DecodeRuneInString(c.text[at:])
		at += size
		if unicode.IsSpace(r) && at < end && !followsOn(c.text[at:]) && apart(c.text, start, at) {
			return at
		}
	}
	for at := first; at < end; {
		_, size := utf8.DecodeRuneInString(c.text[at:])
		if at > start && apart(c.text, start, at) {
			return at
		}
		at += size
	}
	return end
}
