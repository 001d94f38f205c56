package sparse

import (
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/kernel"
)

// phraseClause finds terms at given distances; see api.Phrase. An analyzer may put several
// terms at one position: any of them will do there.
type phraseClause struct{ fields []phraseField }

type phraseField struct {
	field  *field
	slots  []phraseSlot
	scorer scorer
}

type phraseSlot struct {
	position uint32
	terms    []*boundTerm
}

func (p *planner) phrase(q *api.Phrase, scored bool) (clause, error) {
	fields, err := p.textFields(q.Fields)
	if err != nil {
		return nil, err
	}
	c := p.phrases.one()
	for _, fb := range fields {
		pf, err := p.phraseField(p.fields.byName[fb.Field], q.Text, q.Boost*fb.Boost, scored)
		if err != nil {
			return nil, err
		}
		if len(pf.slots) > 0 {
			c.fields = append(c.fields, pf)
		}
	}
	return c, nil
}

// phraseField resolves the phrase in one field. Its inverse document frequency is the sum of those of
// its distinct terms.
func (p *planner) phraseField(f *field, text string, boost float64, scored bool) (phraseField, error) {
	pf := phraseField{field: f}
	p.tokens = f.analyzer.Analyze(p.tokens[:0], text)
	tokens := p.tokens
	if err := p.count(len(tokens)); err != nil {
		return pf, err
	}
	stats := p.statistics(f)
	sum := 0.0
	pf.slots = p.slots.take(len(tokens))[:0]
	terms := p.bound.take(len(tokens))
	for i, t := range tokens {
		before := slices.IndexFunc(tokens[:i], func(o analysis.Token) bool { return o.Term == t.Term })
		if before >= 0 {
			terms[i] = terms[before]
		} else {
			var err error
			if terms[i], err = p.lookUp(f, t.Term); err != nil {
				return pf, fmt.Errorf("phrase: %w", err)
			}
			if scored {
				sum += p.idf(terms[i], stats)
			}
		}
		if n := len(pf.slots); n == 0 || pf.slots[n-1].position != uint32(t.Position) {
			pf.slots = append(pf.slots, phraseSlot{position: uint32(t.Position), terms: terms[i:i]})
		}
		slot := &pf.slots[len(pf.slots)-1]
		slot.terms = append(slot.terms, terms[i]) // in place
	}
	pf.scorer = newScorer(f, stats, boost*sum)
	return pf, nil
}

func (c *phraseClause) bind(at int, v *view) (node, error) {
	n := &phraseNode{docs: v.docs}
	for _, pf := range c.fields {
		column := phraseColumn{scorer: pf.scorer, lengths: v.lengths(pf.field)}
		for _, s := range pf.slots {
			slot := slotCursor{offset: s.position - pf.slots[0].position}
			for _, t := range s.terms {
				if t.places[at].held {
					slot.cursors = append(slot.cursors, &cursor{postings: v.open(pf.field, t.places[at])})
				}
			}
			column.slots = append(column.slots, slot)
		}
		n.columns = append(n.columns, column)
	}
	return n, nil
}

type phraseNode struct {
	docs    uint32
	columns []phraseColumn
}

type phraseColumn struct {
	slots   []slotCursor
	scorer  scorer
	lengths lengths
	starts  []uint32
}

// slotCursor walks the documents that hold any term of a slot.
type slotCursor struct {
	offset    uint32
	cursors   []*cursor
	positions []uint32
}

func (n *phraseNode) eval(base uint32, out *frame) error {
	out.reset(n.docs - base)
	for i := range n.columns {
		if err := n.columns[i].eval(base, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *phraseColumn) eval(base uint32, out *frame) error {
	end := base + windowDocs
	for doc := base; doc < end; doc++ {
		if doc = c.align(doc); doc >= end {
			break
		}
		freq := c.count(doc)
		if freq == 0 {
			continue
		}
		out.match.add(doc - base)
		if out.scores != nil {
			out.scores[doc-base] += c.scorer.score(freq, c.lengths.get(doc))
		}
	}
	for i := range c.slots {
		for _, cur := range c.slots[i].cursors {
			if err := cur.postings.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// align gives the first document at or above doc that every slot holds, noDoc if there is none.
func (c *phraseColumn) align(doc uint32) uint32 {
	for at := 0; at < len(c.slots); {
		next := c.slots[at].seek(doc)
		if next == noDoc {
			return noDoc
		}
		if next > doc {
			doc, at = next, 0
			continue
		}
		at++
	}
	return doc
}

func (s *slotCursor) seek(doc uint32) uint32 {
	least := noDoc
	for _, c := range s.cursors {
		least = min(least, c.seek(doc))
	}
	return least
}

// load reads the positions of any term of the slot in a document at which its cursors may stand.
func (s *slotCursor) load(doc uint32) {
	s.positions = s.positions[:0]
	for _, c := range s.cursors {
		if c.seek(doc) == doc {
			s.positions = c.postings.Positions(s.positions, c.at)
		}
	}
	if len(s.cursors) > 1 {
		slices.Sort(s.positions)
		s.positions = slices.Compact(s.positions)
	}
}

// count gives the number of places in a document where the phrase stands.
func (c *phraseColumn) count(doc uint32) uint32 {
	for i := range c.slots {
		c.slots[i].load(doc)
	}
	c.starts = append(c.starts[:0], c.slots[0].positions...)
	for i := 1; i < len(c.slots) && len(c.starts) > 0; i++ {
		c.starts = kernel.Follow(c.starts, c.slots[i].positions, c.slots[i].offset)
	}
	return uint32(len(c.starts))
}
