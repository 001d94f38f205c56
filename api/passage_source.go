package api

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrPassages is returned when stored passages don't make one document.
var ErrPassages = errors.New("passages of different writes")

// Splitter makes the passages of one document: it knows where the split field's text is in the source. The documents
// it makes share its values.
type Splitter struct {
	doc   *Document
	field string
	// texts are the values of the field; array tells that the source has them in one.
	texts []string
	array bool
	// head and tail are the source around the field's value, without the last brace. tail is all of it if the
	// document does not have the field.
	head, tail []byte
}

// NewSplitter reads a document, which must have come from ParseDocument.
func NewSplitter(doc *Document, field string) (*Splitter, error) {
	x := &Splitter{doc: doc, field: field, tail: bytes.TrimSuffix(doc.Source, []byte("}"))}
	v := doc.Value(field)
	if v == nil {
		return x, nil
	}
	start, end, err := memberOf(doc.Source, field)
	if err != nil {
		return nil, fmt.Errorf("split document %q: %w", doc.ID, err)
	}
	x.texts, x.array = v.Strings, doc.Source[start] == '['
	x.head, x.tail = doc.Source[:start], x.tail[end:]
	return x, nil
}

// Texts are what is to be split: the values of the field, none if the document does not have it.
func (x *Splitter) Texts() []string { return x.texts }

// Array reports whether the field holds an array of texts.
func (x *Splitter) Array() bool { return x.array }

// Document makes the passage that p describes; its Value says of which text, but where the field is no array.
func (x *Splitter) Document(p Passage) Document {
	doc := Document{ID: PassageID(p.Parent, p.Position), Values: x.doc.Values}
	text := ""
	if len(x.texts) > 0 {
		text = x.texts[max(p.Value-1, 0)][p.Start:p.End]
		doc.Values = make([]Value, len(x.doc.Values))
		copy(doc.Values, x.doc.Values)
		doc.Value(x.field).Strings = []string{text}
	}
	source := make([]byte, 0, len(x.head)+len(x.tail)+len(text)+len(text)/8+len(p.Heading)+160)
	source = append(source, x.head...)
	if len(x.texts) > 0 {
		source = appendQuoted(source, text)
	}
	source = append(source, x.tail...)
	if source[len(source)-1] != '{' {
		source = append(source, ',')
	}
	source = p.appendJSON(append(source, passageKey...))
	source = append(source, '}')
	doc.Source = source
	return doc
}

// memberOf gives where the value of a member of a JSON object lies.
func memberOf(object []byte, name string) (start, end int, err error) {
	s := &scanner{data: object}
	found := false
	err = s.object(func(key string) error {
		s.space()
		from := s.pos
		err := s.skip()
		if key == name {
			start, end, found = from, s.pos, true
		}
		return err
	})
	if err == nil && !found {
		err = bad("has no %q", clip(name))
	}
	return start, end, complete(ProblemDocument, err)
}

// JoinPassages puts the source of a document together again from the stored sources of all its passages, in their
// order. It returns ErrPassages if they are not the parts of one document.
func JoinPassages(field string, sources [][]byte) (RawJSON, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("%w: none", ErrPassages)
	}
	j := joiner{field: field, count: len(sources)}
	for i, source := range sources {
		if err := j.add(i, source); err != nil {
			return nil, fmt.Errorf("join passage %d: %w", i, err)
		}
	}
	return j.finish()
}

// joiner puts passages together.
type joiner struct {
	field string
	count int
	// frame is the source of the first passage, without what it says of itself.
	frame RawJSON
	// texts are the values of the field so far; none if the document does not have it.
	texts [][]byte
	array bool
}

func (j *joiner) add(i int, source []byte) error {
	rest, raw := TakePassage(source)
	p, err := ReadPassage(raw)
	if err != nil {
		return err
	}
	if p.Position != i || p.Count != j.count {
		return fmt.Errorf("%w: is passage %d of %d, not of %d", ErrPassages, p.Position, p.Count, j.count)
	}
	text, has, err := textOf(rest, j.field)
	if err != nil {
		return err
	}
	if i == 0 {
		j.frame, j.array = rest, p.Value != 0
		if !has && j.count == 1 {
			return nil
		}
	}
	at := max(p.Value, 1) - 1
	if at == len(j.texts) {
		j.texts = append(j.texts, nil)
	}
	if at != len(j.texts)-1 || j.array != (p.Value != 0) {
		return fmt.Errorf("%w: text %d after %d", ErrPassages, p.Value, len(j.texts))
	}
	known := len(j.texts[at])
	if p.Start > known || p.End < known || p.End-p.Start != len(text) {
		return fmt.Errorf("%w: bytes %d to %d after %d", ErrPassages, p.Start, p.End, known)
	}
	j.texts[at] = append(j.texts[at], text[known-p.Start:]...)
	return nil
}

func (j *joiner) finish() (RawJSON, error) {
	if len(j.texts) == 0 {
		return j.frame, nil
	}
	start, end, err := memberOf(j.frame, j.field)
	if err != nil {
		return nil, err
	}
	size := len(j.frame)
	for _, text := range j.texts {
		size += len(text) + len(text)/8
	}
	out := append(make(RawJSON, 0, size), j.frame[:start]...)
	if !j.array {
		return append(appendQuoted(out, string(j.texts[0])), j.frame[end:]...), nil
	}
	for i, text := range j.texts {
		out = appendQuoted(append(out, "[,"[min(i, 1)]), string(text))
	}
	return append(append(out, ']'), j.frame[end:]...), nil
}

// textOf reads the split field of a passage.
func textOf(source []byte, field string) (text string, has bool, err error) {
	s := &scanner{data: source}
	err = s.object(func(key string) error {
		if key != field {
			return s.skip()
		}
		null, err := s.null()
		if null || err != nil {
			return err
		}
		if s.peek() == kindArray {
			// An empty array, which the document keeps as it is.
			return s.skip()
		}
		has = true
		text, err = s.string()
		return err
	})
	return text, has, complete(ProblemDocument, err)
}

// PassageText gives the text of a passage: the split field of its source.
func PassageText(source []byte, field string) (string, error) {
	text, _, err := textOf(source, field)
	return text, err
}
