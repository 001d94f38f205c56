package api

import (
	"bytes"
	"fmt"
	"strconv"
)

// PassageMember is the reserved member of a passage's stored source that says which part of which document it is.
// Clients can't send it, since names of fields don't start with "_".
const PassageMember = "_passage"

// passageKey is PassageMember as a key. Nothing else in valid JSON has these bytes: within a string a quotation mark
// has a backslash before it, and what ends a value is not followed by a colon.
const passageKey = `"` + PassageMember + `":`

// Passage says which part of a document a passage is.
type Passage struct {
	// Parent is the id of the document.
	Parent string `json:"parent"`
	// Position counts the document's passages from 0, Count says how many it has.
	Position int `json:"position"`
	Count    int `json:"count"`
	// Start and End are where the passage lies in the text of the split field, in bytes of UTF-8. Neighbours may
	// overlap.
	Start int `json:"start"`
	End   int `json:"end"`
	// Heading is the path of headings that it stands under, as "Methods > Data"; "" if there is none.
	Heading string `json:"heading,omitempty"`
	// Value is which of the texts it lies in where the field holds an array, from 1 on; 0 where it holds one text.
	Value int `json:"value,omitempty"`
}

// CheckWriteID gives a *Problem if no document of the index can be written under the id: where documents are split,
// the ids of passages are taken, and there must be room for the passages' own.
func (s *Schema) CheckWriteID(id string) error {
	return complete(ProblemDocument, within("id", s.checkWriteID(id)))
}

func (s *Schema) checkWriteID(id string) error {
	if err := checkID(id); err != nil || s.Passages == nil {
		return err
	}
	if parent, position, ok := SplitPassageID(id); ok {
		return bad("is %q, which names passage %d of document %q: passages are written and deleted with their document",
			clip(id), position, clip(parent))
	}
	if most := MaxIDBytes - maxPassageSuffix; len(id) > most {
		return bad("has %d bytes, at most %d are allowed where documents are split into passages", len(id), most)
	}
	return nil
}

// appendJSON appends the passage as encoding/json would write it.
func (p *Passage) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"parent":`...)
	dst = AppendString(dst, p.Parent)
	for _, n := range [...]struct {
		key   string
		value int
	}{{`,"position":`, p.Position}, {`,"count":`, p.Count}, {`,"start":`, p.Start}, {`,"end":`, p.End}} {
		dst = append(dst, n.key...)
		dst = strconv.AppendInt(dst, int64(n.value), 10)
	}
	if p.Heading != "" {
		dst = append(dst, `,"heading":`...)
		dst = AppendString(dst, p.Heading)
	}
	if p.Value != 0 {
		dst = append(dst, `,"value":`...)
		dst = strconv.AppendInt(dst, int64(p.Value), 10)
	}
	return append(dst, '}')
}

// parsePassage reads what appendJSON writes.
func parsePassage(s *scanner) (Passage, error) {
	var p Passage
	err := s.object(func(key string) error {
		var n int64
		var err error
		var into *int
		switch key {
		case "parent":
			p.Parent, err = s.string()
			return err
		case "heading":
			p.Heading, err = s.string()
			return err
		case "position":
			into = &p.Position
		case "count":
			into = &p.Count
		case "start":
			into = &p.Start
		case "end":
			into = &p.End
		case "value":
			into = &p.Value
		default:
			return bad("is no part of a passage")
		}
		if n, err = s.int(); err == nil && (n < 0 || n > MaxBulkLine) {
			err = bad("is %d, must be 0 to %d", n, MaxBulkLine)
		}
		*into = int(n)
		return err
	})
	if err == nil && (p.End < p.Start || p.Position >= p.Count) {
		err = bad("is passage %d of %d, bytes %d to %d", p.Position, p.Count, p.Start, p.End)
	}
	return p, err
}

// passageMember reads PassageMember of a stored source whose id is known.
func (p *documentParser) passageMember(id string) error {
	passage, err := parsePassage(&p.scanner)
	if err == nil && PassageID(passage.Parent, passage.Position) != id {
		err = bad("is passage %d of %q, but the id is %q", passage.Position, clip(passage.Parent), clip(id))
	}
	return err
}

// TakePassage cuts PassageMember out of a stored source. rest is the source without it, in memory of its own, and raw
// the member's value, which shares that of source. Without the member rest is source itself, and raw nil.
func TakePassage(source []byte) (rest, raw RawJSON) {
	at := bytes.LastIndex(source, []byte(passageKey))
	if at < 1 {
		return source, nil
	}
	// AppendPassageSource writes it as the last member.
	raw = RawJSON(source[at+len(passageKey) : len(source)-1])
	head := source[:at]
	if head[at-1] == ',' {
		head = head[:at-1]
	}
	rest = make(RawJSON, 0, len(head)+1)
	return append(append(rest, head...), '}'), raw
}

// ReadPassage reads the value of PassageMember.
func ReadPassage(raw RawJSON) (Passage, error) {
	s := &scanner{data: raw}
	p, err := parsePassage(s)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Passage{}, fmt.Errorf("read passage: %w", complete(ProblemDocument, err))
	}
	return p, nil
}
