package replica

import "bytes"

// Sharing finds the strings of a document in its source, so that text is neither logged nor sent twice. The
// zero value is ready for Begin.
type Sharing struct {
	source []byte
	// from is where the last string of the field ended: they stand in the source in their order.
	from int
	// budget is how many bytes may still be searched: an array of very many strings that are escaped in the
	// source, and so not found, would else take time by the square of its length.
	budget int
	// text is what is searched for, as bytes.
	text []byte
}

const (
	// minShared is the length from which a string is searched for: a shorter one costs no more than its
	// reference.
	minShared = 8
	// searchFactor times the length of the source is the budget: documents with some tens of fields stay
	// within it.
	searchFactor = 32
)

// Begin turns to another document.
func (s *Sharing) Begin(source []byte) {
	s.source, s.from, s.budget = source, 0, searchFactor*len(source)
}

// Field turns to another field of the document.
func (s *Sharing) Field() { s.from = 0 }

// Find gives the offset of a string in the source; false if it is not worth a reference, not there, or there
// was too much to search.
func (s *Sharing) Find(text string) (int, bool) {
	if len(text) <= minShared || s.budget <= 0 {
		return 0, false
	}
	s.text = append(s.text[:0], text...)
	at := bytes.Index(s.source[s.from:], s.text)
	if at < 0 {
		s.budget -= len(s.source) - s.from
		return 0, false
	}
	s.budget -= at
	at += s.from
	s.from = at + len(text)
	return at, true
}
