package sparse

import (
	"slices"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/segment"
)

// matchClause scores terms; see api.Match.
type matchClause struct{ groups []matchGroup }

// matchGroup are the terms that one analyzer made of the text.
type matchGroup struct {
	terms []matchTerm
	// need is the number of distinct terms a document must hold.
	need int
}

// matchTerm is one term in every field of its group.
type matchTerm []scoredTerm

type scoredTerm struct {
	*boundTerm
	scorer scorer // zero where nobody asks for scores
}

func (p *planner) match(q *api.Match, scored bool) (clause, error) {
	fields, err := p.textFields(q.Fields)
	if err != nil {
		return nil, err
	}
	c := p.matches.one()
	c.groups = p.groups.take(len(fields))[:0]
	for i, fb := range fields {
		a := p.fields.byName[fb.Field].analyzer
		if slices.ContainsFunc(fields[:i], func(o api.FieldBoost) bool { return p.analyzes(a, o) }) {
			continue
		}
		g, err := p.matchGroup(q, fields[i:], scored)
		if err != nil {
			return nil, err
		}
		if len(g.terms) > 0 {
			c.groups = append(c.groups, g)
		}
	}
	return c, nil
}

// analyzes reports whether the analyzer is that of the field.
func (p *planner) analyzes(a analysis.Analyzer, fb api.FieldBoost) bool {
	return p.fields.byName[fb.Field].analyzer.Name() == a.Name()
}

// matchGroup makes the group of the first field's analyzer, of all fields that have it.
func (p *planner) matchGroup(q *api.Match, fields []api.FieldBoost, scored bool) (matchGroup, error) {
	first := p.fields.byName[fields[0].Field]
	n := 0
	for _, fb := range fields {
		if p.analyzes(first.analyzer, fb) {
			n++
		}
	}
	terms := p.distinctTerms(first, q.Text)
	g := matchGroup{need: max(1, q.Minimum)}
	if q.Operator == api.OperatorAnd {
		g.need = len(terms)
	}
	if err := p.count(len(terms) * n); err != nil {
		return g, err
	}
	g.terms = p.terms.take(len(terms))
	for i, t := range terms {
		mt := matchTerm(p.scored.take(n))[:0]
		for _, fb := range fields {
			if !p.analyzes(first.analyzer, fb) {
				continue
			}
			bound, err := p.lookUp(p.fields.byName[fb.Field], t.term)
			if err != nil {
				return g, err
			}
			st := scoredTerm{boundTerm: bound}
			if scored {
				st.scorer = p.scorer(bound, q.Boost*fb.Boost*float64(t.times))
			}
			mt = append(mt, st)
		}
		g.terms[i] = mt
	}
	return g, nil
}

// textTerm is a term query on a text field: one term, not analysed.
func (p *planner) textTerm(f *field, q *api.Term, scored bool) (clause, error) {
	if err := p.count(1); err != nil {
		return nil, err
	}
	bound, err := p.lookUp(f, q.Value.Str)
	if err != nil {
		return nil, err
	}
	term := p.scored.take(1)
	term[0].boundTerm = bound
	if scored {
		term[0].scorer = p.scorer(bound, q.Boost)
	}
	g := matchGroup{terms: p.terms.take(1), need: 1}
	g.terms[0] = term
	c := p.matches.one()
	c.groups = p.groups.take(1)
	c.groups[0] = g
	return c, nil
}

func (c *matchClause) bind(at int, v *view) (node, error) {
	n := &matchNode{docs: v.docs}
	for _, g := range c.groups {
		bound := matchNodeGroup{need: g.need}
		for _, t := range g.terms {
			var columns []matchColumn
			for _, s := range t {
				if s.places[at].held {
					columns = append(columns, matchColumn{
						cursor: cursor{postings: v.open(s.field, s.places[at])},
						scorer: s.scorer, lengths: v.lengths(s.field),
					})
				}
			}
			if columns != nil {
				bound.terms = append(bound.terms, columns)
			}
		}
		bound.matches = len(bound.terms) >= bound.need
		n.matches = n.matches || bound.matches
		n.groups = append(n.groups, bound)
	}
	return n, nil
}

type matchNode struct {
	docs    uint32
	groups  []matchNodeGroup
	matches bool
	counts  []uint16
}

type matchNodeGroup struct {
	terms [][]matchColumn
	need  int
	// matches is false where the view lacks too many terms: the others still add to the score of what
	// another group matches.
	matches bool
}

// matchColumn is one term in one field of one view.
type matchColumn struct {
	cursor  cursor
	scorer  scorer
	lengths lengths
}

func (n *matchNode) eval(base uint32, out *frame) error {
	out.reset(n.docs - base)
	if !n.matches {
		return nil
	}
	for i := range n.groups {
		if err := n.group(&n.groups[i], base, out); err != nil {
			return err
		}
	}
	return nil
}

// group adds the scores of a group's terms and, if it may match, its documents.
func (n *matchNode) group(g *matchNodeGroup, base uint32, out *frame) error {
	counting := g.matches && g.need > 1
	if counting {
		if n.counts == nil {
			n.counts = make([]uint16, windowDocs)
		}
		clear(n.counts)
	}
	for _, columns := range g.terms {
		var held wordSet
		for i := range columns {
			if err := columns[i].eval(base, out.scores, &held); err != nil {
				return err
			}
		}
		switch {
		case counting:
			held.each(func(i uint32) { n.counts[i]++ })
		case g.matches:
			out.match.or(&held)
		}
	}
	if counting {
		for i, c := range n.counts {
			if int(c) >= g.need {
				out.match.add(uint32(i))
			}
		}
	}
	return nil
}

func (c *matchColumn) eval(base uint32, scores []float64, held *wordSet) error {
	return c.cursor.window(base, base+windowDocs, func(docs, freqs []uint32) {
		for _, doc := range docs {
			held.add(doc - base)
		}
		if scores == nil {
			return
		}
		for i, doc := range docs {
			scores[doc-base] += c.scorer.score(freqs[i], c.lengths.get(doc))
		}
	})
}

// lengths gives documents' token counts in a text field.
type lengths struct {
	mem  []uint32
	file *segment.Field
}

func (v *view) lengths(f *field) lengths {
	if v.part.mem == nil {
		return lengths{file: v.part.file.Column(f.ordinal)}
	}
	return lengths{mem: v.part.mem.columns[f.ordinal].allLengths()}
}

func (l lengths) get(doc uint32) uint32 {
	if l.file != nil {
		return l.file.Length(doc)
	}
	return l.mem[doc]
}
