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

// summed is a clause whose score is a sum over terms. terms appends them to list in the order of summing, and says
// whether a document must have one of every group; ok is false where the clause asks for something between all and any.
type summed interface {
	terms(list []summand) (terms []summand, all, ok bool)
}

// summand is a term and what to score it with.
type summand struct {
	*boundTerm
	weight float64
	norm   segment.Norm
	// group is that of the term, whatever field it is in.
	group int
}

func (c *matchClause) terms(list []summand) (terms []summand, all, ok bool) {
	for _, g := range c.groups {
		if g.need > 1 {
			if len(c.groups) > 1 || g.need != len(g.terms) {
				return list, false, false
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

func (c *vectorClause) terms(list []summand) (terms []summand, all, ok bool) {
	for i, t := range c.dims {
		list = append(list, summand{boundTerm: t, weight: c.weights[i]})
	}
	return list, false, true
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

	terms     []summand
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
	clear(s.terms)
	clear(s.kernel.Terms)
	*s = search{
		top: s.top, terms: s.terms[:0],
		kernel: kernel.Phrase{Query: kernel.Query{Terms: s.kernel.Terms[:0]}, Slots: s.kernel.Slots[:0]},
	}
	searches.Put(s)
}

// run looks at one view after the other.
func (s *search) run() error {
	all, ok := false, false
	phrase := s.simplePhrase()
	if clause, is := s.query.(summed); is {
		s.terms, all, ok = clause.terms(s.terms[:0])
	}
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
			done, err = s.ranked(at, v, all)
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
func (s *search) begin(v *view, all bool) *kernel.Query {
	s.collector = collector{&s.top, v}
	s.kernel.Slots = s.kernel.Slots[:0]
	q := &s.kernel.Query
	*q = kernel.Query{Terms: q.Terms[:0], All: all, Docs: v.docs, Deleted: v.deletedWords(), Stop: s.ctx}
	return q
}

// ranked searches a view by the bounds of its lists. done is false where it has none.
func (s *search) ranked(at int, v *view, all bool) (done bool, err error) {
	if v.part.mem != nil {
		return false, nil
	}
	q := s.begin(v, all)
	grouped := 0 // the groups that have a term
	for i := range s.terms {
		t := &s.terms[i]
		if i == 0 || t.group != s.terms[i-1].group {
			if all && q.Groups > grouped {
				return true, nil // the view has no term of the group before
			}
			q.Groups++
		}
		key := t.places[at].key
		if key == nil {
			continue
		}
		grouped = q.Groups
		column := v.part.file.Column(t.field.ordinal)
		if !column.Listed() {
			return false, nil
		}
		q.Terms = append(q.Terms, kernel.Term{
			List: &key.List, Field: column, Weight: t.weight, Norm: t.norm,
			Text: t.field.shape == segment.ShapeText, Deleted: v.deletedOf(t.field, t.places[at]),
			Group: t.group,
		})
	}
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
