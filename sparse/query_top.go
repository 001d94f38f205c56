package sparse

import (
	"context"
	"fmt"
	"math"

	"sagasu/sparse/kernel"
	"sagasu/sparse/segment"
)

// summed is a clause whose score is a sum over terms. terms gives them in the order of summing, and whether a document
// must have one of every group; ok is false where the clause asks for something between all and any.
type summed interface {
	terms() (list []summand, all, ok bool)
}

// summand is a term and what to score it with.
type summand struct {
	*boundTerm
	weight float64
	norm   segment.Norm
	// group is that of the term, whatever field it is in.
	group int
}

func (c *matchClause) terms() (list []summand, all, ok bool) {
	for _, g := range c.groups {
		if g.need > 1 {
			if len(c.groups) > 1 || g.need != len(g.terms) {
				return nil, false, false
			}
			all = true
		}
		for i, t := range g.terms {
			for _, s := range t {
				list = append(list, summand{s.boundTerm, s.scorer.weight, s.scorer.norm, i})
			}
		}
	}
	return list, all, true
}

func (c *vectorClause) terms() (list []summand, all, ok bool) {
	for i, t := range c.dims {
		list = append(list, summand{boundTerm: t, weight: c.weights[i]})
	}
	return list, false, true
}

// search is one query under way: a planned query and filter, and what they have found.
type search struct {
	snap   *Snapshot
	query  clause
	filter clause // nil for none
	frames *frames
	top    topK
	// count is how many matches are still to be counted; total were.
	count, total int
	more         bool
	terms        []kernel.Term
}

// run looks at one view after the other.
func (s *search) run(ctx context.Context) error {
	clause, _ := s.query.(summed)
	var terms []summand
	all, ok := false, false
	phrase := s.simplePhrase()
	if clause != nil {
		terms, all, ok = clause.terms()
	}
	for at, v := range s.snap.gen.views {
		if v.docs == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		done := false
		var err error
		switch {
		case phrase != nil:
			done, err = s.phrase(ctx, at, v, phrase)
		case ok:
			done, err = s.ranked(ctx, at, v, terms, all)
		}
		if err != nil {
			return err
		}
		if done {
			continue
		}
		if err := s.exhaustive(ctx, at, v); err != nil {
			return err
		}
	}
	return nil
}

// ranked searches a view by the bounds of its lists. done is false where it has none.
func (s *search) ranked(ctx context.Context, at int, v *view, terms []summand, all bool) (done bool, err error) {
	if v.part.mem != nil {
		return false, nil
	}
	searcher := kernel.Get()
	defer kernel.Put(searcher)
	q := &kernel.Query{Terms: s.terms[:0], All: all, Docs: v.docs, Deleted: v.deletedWords(), Stop: ctx.Err}
	lists := searcher.Lists(len(terms))
	grouped := 0 // the groups that have a term
	for i, t := range terms {
		if i == 0 || t.group != terms[i-1].group {
			if all && q.Groups > grouped {
				return true, nil // the view has no term of the group before
			}
			q.Groups++
		}
		if !t.places[at].held {
			continue
		}
		grouped = q.Groups
		column := v.part.file.Column(t.field.ordinal)
		if !column.Listed() {
			return false, nil
		}
		if err := column.List(t.places[at].ordinal, &lists[i]); err != nil {
			return false, fmt.Errorf("segment %s: field %q: %w", v.part.file.Path(), t.field.name, err)
		}
		q.Terms = append(q.Terms, kernel.Term{
			List: &lists[i], Field: column, Weight: t.weight, Norm: t.norm,
			Text: t.field.shape == segment.ShapeText, Deleted: v.deletedOf(t.field, t.places[at]),
			Group: t.group,
		})
	}
	s.terms = q.Terms
	if len(q.Terms) == 0 || all && q.Groups > grouped {
		return true, nil
	}
	if s.top.k > 0 && !q.Fits() {
		return false, nil
	}
	if s.filter != nil {
		if q.Filter, err = s.words(at, v, s.filter); err != nil {
			return false, err
		}
	}
	if s.top.k > 0 {
		if err := searcher.Search(q, &collector{&s.top, v}); err != nil {
			return false, fmt.Errorf("segment %s: %w", v.part.file.Path(), err)
		}
	}
	return true, s.tally(searcher, q)
}

// tally counts the matches of a view.
func (s *search) tally(searcher *kernel.Searcher, q *kernel.Query) error {
	n := 0
	if s.count > 0 {
		var err error
		if n, err = searcher.Count(q, s.count); err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	s.counted(n)
	return nil
}

// counted adds the matches of a view or a window to the total, unless enough are counted.
func (s *search) counted(n int) {
	if s.count > 0 {
		s.total += n
		s.count -= n
	}
	s.more = s.more || s.count <= 0
}

// deletedOf gives the number of a key's documents that are deleted, -1 if that is not known.
func (v *view) deletedOf(f *field, at place) int {
	switch {
	case !v.hasDeletes():
		return 0
	case f.shape != segment.ShapeText:
		return -1
	}
	return int(at.deleted)
}

// words gives the documents of a view that a clause matches.
func (s *search) words(at int, v *view, c clause) ([]uint64, error) {
	n, err := c.bind(at, v)
	if err != nil {
		return nil, err
	}
	if set, ok := n.(*setNode); ok {
		return set.words, nil
	}
	words := make([]uint64, (v.docs+windowDocs-1)/windowDocs*windowWords)
	out := s.frames.get(false)
	for base := uint32(0); base < v.docs; base += windowDocs {
		if err := n.eval(base, out); err != nil {
			return nil, err
		}
		copy(words[base/64:], out.match[:])
	}
	return words, nil
}

// collector offers the documents of a view.
type collector struct {
	top  *topK
	view *view
}

func (c *collector) K() int { return c.top.k }

func (c *collector) Threshold() float64 { return c.top.threshold() }

func (c *collector) Offer(doc uint32, score float64) { c.top.offer(candidate{score, c.view, doc}) }

// threshold is the score below which no document is taken any more.
func (t *topK) threshold() float64 {
	if t.k == 0 || len(t.entries) < t.k {
		return math.Inf(-1)
	}
	return t.entries[0].score
}

// exhaustive evaluates every window of a view.
func (s *search) exhaustive(ctx context.Context, at int, v *view) error {
	n, err := s.query.bind(at, v)
	if err != nil {
		return fmt.Errorf("evaluate query: %w", err)
	}
	var filter node
	if s.filter != nil {
		if filter, err = s.filter.bind(at, v); err != nil {
			return fmt.Errorf("evaluate filter: %w", err)
		}
	}
	scored := s.top.k > 0
	err = v.run(ctx, n, filter, s.frames.get(scored), s.frames, func(v *view, base uint32, f *frame) {
		s.counted(f.match.count())
		if !scored {
			return
		}
		f.match.each(func(i uint32) { s.top.offer(candidate{f.scores[i], v, base + i}) })
	})
	if err != nil {
		return fmt.Errorf("evaluate query: %w", err)
	}
	return nil
}
