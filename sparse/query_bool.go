package sparse

import (
	"sagasu/api"
	"sagasu/sparse/kernel"
)

// boolClause combines clauses; see api.Bool.
type boolClause struct {
	must, should, mustNot, filter []clause
	minimum                       int
	boost                         float64
	scored                        bool
	frames                        *frames
}

// minimumShould is how many of its optional clauses a document must match.
func minimumShould(q *api.Bool) int {
	switch {
	case q.MinimumShould != nil:
		return *q.MinimumShould
	case len(q.Should) > 0 && len(q.Must) == 0 && len(q.Filter) == 0:
		return 1
	}
	return 0
}

func (p *planner) bool(q *api.Bool, scored bool) (clause, error) {
	c := &boolClause{boost: q.Boost, minimum: minimumShould(q), scored: scored, frames: &p.frames}
	lists := []struct {
		from   []api.Query
		to     *[]clause
		scored bool
	}{
		{q.Must, &c.must, scored},
		{q.Should, &c.should, scored},
		{q.MustNot, &c.mustNot, false},
		{q.Filter, &c.filter, false},
	}
	for _, list := range lists {
		for _, sub := range list.from {
			planned, err := p.plan(sub, list.scored)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, planned)
		}
	}
	return c, nil
}

func (c *boolClause) bind(at int, v *view) (node, error) {
	n := &boolNode{minimum: c.minimum, boost: c.boost, docs: v.docs}
	lists := []struct {
		from   []clause
		to     *[]boolChild
		scored bool
	}{
		{c.filter, &n.filter, false},
		{c.mustNot, &n.mustNot, false},
		{c.must, &n.must, c.scored},
		{c.should, &n.should, c.scored},
	}
	for _, list := range lists {
		for _, sub := range list.from {
			child, err := sub.bind(at, v)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, boolChild{child, c.frames.get(list.scored)})
		}
	}
	return n, nil
}

// sum adds up clauses that are sums themselves: all of must, and of should any term of those that need no more than one.
func (c *boolClause) sum(s *summation) bool {
	if len(c.filter)+len(c.mustNot) > 0 || c.minimum > 1 || len(c.must) == 0 && c.minimum == 0 {
		return false
	}
	s.boost = c.boost
	for _, sub := range c.must {
		if sum, is := sub.(summed); !is || !sum.sum(s) {
			return false
		}
	}
	switch {
	case len(s.choices) != len(c.must) && len(c.must) > 1:
		return false // each choice of one with each of the others
	case len(c.must) > 1:
		s.choices = append(s.choices[:0], kernel.Choice{To: s.groups})
	}
	return c.sumShould(s)
}

// sumShould adds the terms of should. They are one group if one must match, and else none that is asked for.
func (c *boolClause) sumShould(s *summation) bool {
	choices, group, from := len(s.choices), s.groups, len(s.terms)
	for _, sub := range c.should {
		before := s.groups
		if sum, is := sub.(summed); !is || !sum.sum(s) || s.groups != before+1 || len(s.choices) != choices+1 {
			return false
		}
		s.choices = s.choices[:choices]
	}
	if len(c.should) == 0 {
		return c.minimum == 0
	}
	for i := range s.terms[from:] {
		s.terms[from+i].group = group
	}
	s.groups = group + 1
	switch {
	case c.minimum == 0:
	case choices == 0:
		s.choices = append(s.choices, kernel.Choice{From: group, To: s.groups})
	case choices == 1:
		s.choices[0].To = s.groups
	default:
		return false
	}
	return true
}

type boolNode struct {
	filter, mustNot, must, should []boolChild
	minimum                       int
	boost                         float64
	docs                          uint32
	counts                        []uint16
}

type boolChild struct {
	node  node
	frame *frame
}

func (n *boolNode) eval(base uint32, out *frame) error {
	out.match.fill(n.docs - min(base, n.docs))
	for _, list := range [][]boolChild{n.filter, n.must} {
		for _, c := range list {
			if err := c.node.eval(base, c.frame); err != nil {
				return err
			}
			out.match.and(&c.frame.match)
			if out.match.empty() {
				return nil
			}
		}
	}
	for _, c := range n.mustNot {
		if err := c.node.eval(base, c.frame); err != nil {
			return err
		}
		out.match.andNot(&c.frame.match)
	}
	if err := n.evalShould(base, out); err != nil {
		return err
	}
	if out.scores != nil && !out.match.empty() {
		n.sum(out)
	}
	return nil
}

// evalShould evaluates the optional clauses and keeps documents that match enough of them.
func (n *boolNode) evalShould(base uint32, out *frame) error {
	if len(n.should) < n.minimum {
		out.match = wordSet{}
		return nil
	}
	if n.minimum > 1 {
		if n.counts == nil {
			n.counts = make([]uint16, windowDocs)
		}
		clear(n.counts)
	}
	var any wordSet
	for _, c := range n.should {
		if err := c.node.eval(base, c.frame); err != nil {
			return err
		}
		any.or(&c.frame.match)
		if n.minimum > 1 {
			c.frame.match.each(func(i uint32) { n.counts[i]++ })
		}
	}
	switch {
	case n.minimum > 1:
		out.match.each(func(i uint32) {
			if int(n.counts[i]) < n.minimum {
				out.match[i>>6] &^= 1 << (i & 63)
			}
		})
	case n.minimum == 1:
		out.match.and(&any)
	}
	return nil
}

// sum adds the scores of must and should, in the query's order.
func (n *boolNode) sum(out *frame) {
	out.match.each(func(i uint32) {
		total := 0.0
		for _, c := range n.must {
			total += c.frame.scores[i]
		}
		for _, c := range n.should {
			if c.frame.match.has(i) {
				total += c.frame.scores[i]
			}
		}
		out.scores[i] = n.boost * total
	})
}
