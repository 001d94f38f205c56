package sparse

import (
	"fmt"
	"slices"

	"sagasu/sparse/kernel"
)

// simplePhrase gives the query's phrase if it is in one field and has one term at each place, nil otherwise.
func (s *search) simplePhrase() *phraseField {
	c, ok := s.query.(*phraseClause)
	if !ok || len(c.fields) != 1 {
		return nil
	}
	f := &c.fields[0]
	for _, slot := range f.slots {
		if len(slot.terms) != 1 {
			return nil
		}
	}
	return f
}

// phrase searches a view for a phrase by the bounds of its lists. done is false where it has none.
func (s *search) phrase(at int, v *view, f *phraseField) (done bool, err error) {
	if v.part.mem != nil {
		return false, nil
	}
	column := v.part.file.Column(f.field.ordinal)
	if !column.Listed() {
		return false, nil
	}
	s.begin(v)
	p := &s.kernel
	for _, slot := range f.slots {
		term := slot.terms[0]
		key := term.places[at].key
		if key == nil {
			return true, nil
		}
		i := slices.IndexFunc(f.slots[:len(p.Slots)], func(o phraseSlot) bool { return o.terms[0].key == term.key })
		if i >= 0 {
			i = p.Slots[i].Term
		} else {
			i = len(p.Terms)
			p.Terms = append(p.Terms, kernel.Term{
				List: &key.List, Field: column, Weight: f.scorer.weight, Norm: f.scorer.norm, Text: true, Deleted: -1,
			})
		}
		p.Slots = append(p.Slots, kernel.Slot{Term: i, Offset: slot.position - f.slots[0].position})
	}
	if len(p.Terms) == 0 {
		return true, nil
	}
	if s.top.k == 0 {
		for i := range p.Terms {
			p.Terms[i].Weight = 1 // nobody asks for scores
		}
	}
	if !p.Fits() {
		return false, nil
	}
	if s.filter != nil {
		if p.Filter, err = s.words(at, v, s.filter); err != nil {
			return false, err
		}
	}
	searcher := kernel.Get()
	n, err := searcher.Phrase(p, &s.collector, s.count > 0)
	if err != nil {
		return false, fmt.Errorf("segment %s: %w", v.part.file.Path(), err)
	}
	kernel.Put(searcher)
	s.counted(n)
	return true, nil
}
