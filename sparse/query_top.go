package sparse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"unsafe"

	"sagasu/sparse/kernel"
	"sagasu/sparse/segment"
)

// summed is a clause whose score is a sum over terms.
type summed interface {
	// sum appends the terms in the order of summing, and the groups that a document must have one term of each: one
	// choice, or several of which any will do. false where the clause asks for something else.
	sum(s *summation) bool
}

// summation is what a query asks for, as the kernel understands it.
type summation struct {
	terms   []summand
	choices []kernel.Choice
	// groups and clauses are how many there are.
	groups, clauses int
	boost           float64
}

// summand is a term and what to score it with.
type summand struct {
	*boundTerm
	weight float64
	norm   segment.Norm
	// group is that of the term, whatever field it is in; clause is the part of the query that it is in.
	group, clause int
}

func (s *summation) reset() {
	clear(s.terms)
	*s = summation{terms: s.terms[:0], choices: s.choices[:0], boost: 1}
}

// of makes the summation that of a query; false if it is none.
func (s *summation) of(c clause) bool {
	s.reset()
	ok := false
	if sum, is := c.(summed); is {
		ok = sum.sum(s)
	} else if b, is := c.(*boolClause); is {
		ok = b.sum(s)
	}
	if len(s.choices) == 1 && s.choices[0] == (kernel.Choice{To: 1}) && s.groups == 1 {
		s.choices = s.choices[:0] // any term will do
	}
	return ok
}

func (c *matchClause) sum(s *summation) bool {
	any := true
	for _, g := range c.groups {
		if g.need > 1 && g.need != len(g.terms) {
			return false
		}
		any = any && g.need <= 1
	}
	first := s.groups
	for _, g := range c.groups {
		from := s.groups
		for _, t := range g.terms {
			for _, st := range t {
				group := s.groups
				if any {
					group = first
				}
				s.terms = append(s.terms, summand{st.boundTerm, st.scorer.weight, st.scorer.norm, group, s.clauses})
			}
			if !any && g.need > 1 {
				s.groups++
			}
		}
		if !any && g.need <= 1 {
			s.groups++
		}
		if !any {
			s.choices = append(s.choices, kernel.Choice{From: from, To: s.groups})
		}
	}
	if any {
		s.groups++
		s.choices = append(s.choices, kernel.Choice{From: first, To: s.groups})
	}
	s.clauses++
	return true
}

func (c *vectorClause) sum(s *summation) bool {
	for i, t := range c.dims {
		s.terms = append(s.terms, summand{boundTerm: t, weight: c.weights[i], group: s.groups, clause: s.clauses})
	}
	s.choices = append(s.choices, kernel.Choice{From: s.groups, To: s.groups + 1})
	s.groups++
	s.clauses++
	return true
}

// search is one query under way: a planned query and filter, and what they have found.
type search struct {
	ctx    context.Context
	snap   *Snapshot
	query  clause
	filter clause // nil for none
	frames *frames
	top    topK
	// count is how many matches are still to be counted; total were.
	count, total int
	more         bool

	sum       summation
	collector collector
	kernel    kernel.Phrase // of the present view
}

// searches keeps what searches need for the next one.
var searches = sync.Pool{New: func() any { return &search{} }}

// newSearch gives a search without a query; to be released.
func newSearch(ctx context.Context, snap *Snapshot, p *planner, req Request) *search {
	s, _ := searches.Get().(*search)
	s.ctx, s.snap, s.frames = ctx, snap, &p.frames
	s.top.reset(min(req.K, snap.gen.live))
	s.count, s.total, s.more = req.Count, 0, false
	if req.Count == 0 {
		s.count = math.MaxInt
	}
	return s
}

func (s *search) release() {
	s.top.release()
	s.sum.reset()
	clear(s.kernel.Terms)
	q := &s.kernel.Query
	*s = search{top: s.top, sum: s.sum, kernel: kernel.Phrase{
		Query: kernel.Query{Terms: q.Terms[:0], Choices: q.Choices[:0]}, Slots: s.kernel.Slots[:0],
	}}
	searches.Put(s)
}

// run looks at one view after the other.
func (s *search) run() error {
	phrase := s.simplePhrase()
	ok := phrase == nil && s.sum.of(s.query)
	for at, v := range s.snap.gen.views {
		if v.docs == 0 {
			continue
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		done := false
		var err error
		switch {
		case phrase != nil:
			done, err = s.phrase(at, v, phrase)
		case ok:
			done, err = s.ranked(at, v)
		}
		if err != nil {
			return err
		}
		if done {
			continue
		}
		if err := s.exhaustive(at, v); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the kernel's query one of the view without terms.
func (s *search) begin(v *view) *kernel.Query {
	s.collector = collector{&s.top, v}
	s.kernel.Slots = s.kernel.Slots[:0]
	q := &s.kernel.Query
	*q = kernel.Query{
		Terms: q.Terms[:0], Choices: q.Choices[:0], Docs: v.docs, Deleted: v.deletedWords(), Stop: s.ctx,
	}
	return q
}

// ranked searches a view by the bounds of its lists. done is false where it has none.
func (s *search) ranked(at int, v *view) (done bool, err error) {
	if v.part.mem != nil {
		return false, nil
	}
	q := s.begin(v)
	q.Boost = s.sum.boost
	for i := range s.sum.terms {
		t := &s.sum.terms[i]
		key := t.places[at].key
		if key == nil {
			continue
		}
		column := v.part.file.Column(t.field.ordinal)
		if !column.Listed() {
			return false, nil
		}
		q.Terms = append(q.Terms, kernel.Term{
			List: &key.List, Field: column, Weight: t.weight, Norm: t.norm,
			Text: t.field.shape == segment.ShapeText, Deleted: v.deletedOf(t.field, t.places[at]),
			Group: t.group, Clause: t.clause,
		})
	}
	for _, choice := range s.sum.choices {
		if q.Holds(choice) {
			q.Choices = append(q.Choices, choice)
		}
	}
	if len(q.Terms) == 0 || len(q.Choices) == 0 && len(s.sum.choices) > 0 {
		return true, nil // the view lacks too many terms
	}
	if s.top.k > 0 && !q.Fits() {
		return false, nil
	}
	if s.filter != nil {
		if q.Filter, err = s.words(at, v, s.filter); err != nil {
			return false, err
		}
	}
	searcher := kernel.Get()
	if s.top.k > 0 {
		err = searcher.Search(q, &s.collector)
	}
	if err == nil {
		err = s.tally(searcher, q)
	}
	if err != nil {
		return false, fmt.Errorf("segment %s: %w", v.part.file.Path(), err)
	}
	kernel.Put(searcher)
	return true, nil
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
func (s *search) exhaustive(at int, v *view) error {
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
	err = v.run(s.ctx, n, filter, s.frames.get(scored), s.frames, func(v *view, base uint32, f *frame) {
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

// result writes what was found.
func (s *search) result(into *Answer) {
	into.Total, into.More = max(s.total, len(s.top.entries)), s.more
	best := s.top.sorted()
	// Ids of files are valid while their segment is mapped; the result outlives the snapshot.
	size := 0
	for i := range best {
		size += len(best[i].id())
	}
	if into.Hits == nil {
		into.Hits = []Hit{} // an answer without hits has a list of none
	}
	into.Hits, into.ids = slices.Grow(into.Hits[:0], len(best)), slices.Grow(into.ids[:0], size)
	for i := range best {
		c := &best[i]
		from := len(into.ids)
		into.ids = append(into.ids, c.id()...)
		into.Hits = append(into.Hits, Hit{
			ID: unsafe.String(unsafe.SliceData(into.ids[from:]), len(into.ids)-from), Score: c.score,
			Version: c.view.part.source().Columns(c.doc).Version,
		})
	}
}
