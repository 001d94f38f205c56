package sparse

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"sagasu/api"
)

// matchAll stands for a query that is not given.
var matchAll = &api.MatchAll{Boost: 1}

// Snapshot is the index as it was at one moment; safe for concurrent use until Release.
type Snapshot struct {
	index    *Index
	gen      *generation
	released atomic.Bool
}

// Release lets go of the snapshot; it must not be used afterwards. A second call does nothing.
func (s *Snapshot) Release() {
	if s.released.CompareAndSwap(false, true) {
		s.index.release(s.gen)
	}
}

// Len is the number of live documents.
func (s *Snapshot) Len() int { return s.gen.live }

// Search gives the exact best documents. Errors: ErrQuery, the context's, segment.ErrCorrupt, which fails the index.
func (s *Snapshot) Search(ctx context.Context, req Request) (TopDocs, error) {
	var found Answer
	if err := s.SearchInto(ctx, req, &found); err != nil {
		return TopDocs{}, err
	}
	return found.TopDocs, nil
}

// SearchInto is Search into the room of a former answer, which it overwrites, ids included: one that is used again and
// again makes no garbage. After an error it holds nothing of use.
func (s *Snapshot) SearchInto(ctx context.Context, req Request, into *Answer) error {
	s.index.cfg.Courtesy.searching()
	defer s.index.cfg.Courtesy.ended()
	err := s.search(ctx, req, into)
	s.index.failIfDamaged(err)
	return err
}

func (s *Snapshot) search(ctx context.Context, req Request, into *Answer) error {
	if req.K < 0 {
		return fmt.Errorf("%w: K is %d", ErrQuery, req.K)
	}
	query := req.Query
	if query == nil {
		query = matchAll
	}
	p := s.planner(req.Stats)
	defer p.release()
	planned, filter, err := p.both(query, req.Filter, req.K > 0)
	if err != nil {
		return err
	}
	work := newSearch(ctx, s, p, req)
	defer work.release()
	work.query, work.filter = planned, filter
	if err := work.run(); err != nil {
		return err
	}
	work.result(into)
	return nil
}

// both resolves a query and a filter, which may be nil.
func (p *planner) both(query, filter api.Query, scored bool) (q, f clause, err error) {
	if b, ok := query.(*api.Bool); ok {
		query, filter = p.restrict(b, filter)
	}
	if q, err = p.plan(query, scored); err != nil {
		return nil, nil, err
	}
	if filter != nil {
		if f, err = p.plan(filter, false); err != nil {
			return nil, nil, err
		}
	}
	return q, f, nil
}

// restrict makes a filter of what does not score in a query, beside one that there may be.
func (p *planner) restrict(b *api.Bool, filter api.Query) (q, f api.Query) {
	q, f = b, filter
	minimum := minimumShould(b)
	if len(b.Filter)+len(b.MustNot) > 0 && (len(b.Must) > 0 || minimum > 0) {
		rest := &api.Bool{Filter: b.Filter, MustNot: b.MustNot, Boost: 1}
		if filter != nil {
			rest.Filter = append(slices.Clone(b.Filter), filter)
		}
		b = &api.Bool{Must: b.Must, Should: b.Should, MinimumShould: &minimum, Boost: b.Boost}
		q, f = b, rest
	}
	if len(b.Must) == 1 && len(b.Should) == 0 && len(b.Filter)+len(b.MustNot) == 0 && minimum == 0 && b.Boost == 1 {
		p.depth++ // one less now
		q = b.Must[0]
	}
	return q, f
}

// planner gives a planner for one query, with the statistics of Request.Stats; to be released.
func (s *Snapshot) planner(stats *Statistics) *planner {
	p, _ := planners.Get().(*planner)
	p.fields, p.gen, p.global = s.index.fields, s.gen, stats
	p.frames.pool, p.filters = &s.index.frames, &s.index.filters
	return p
}

// run evaluates a query and calls visit with each window that has live matches.
func (s *Snapshot) run(ctx context.Context, query api.Query, visit func(v *view, base uint32, f *frame)) error {
	p := s.planner(nil)
	defer p.release()
	planned, err := p.plan(query, false)
	if err != nil {
		return err
	}
	out := p.frames.get(false)
	for at, v := range s.gen.views {
		if v.docs == 0 {
			continue
		}
		n, err := planned.bind(at, v)
		if err != nil {
			return fmt.Errorf("evaluate query: %w", err)
		}
		if err := v.run(ctx, n, nil, out, &p.frames, visit); err != nil {
			return fmt.Errorf("evaluate query: %w", err)
		}
	}
	return nil
}

// run evaluates a query, and a filter if that is not nil, over the windows of the view.
func (v *view) run(ctx context.Context, n, filter node, out *frame, frames *frames,
	visit func(*view, uint32, *frame),
) error {
	deleted := v.deletedWords()
	var visible, gone wordSet
	var among *frame
	if filter != nil {
		among = frames.get(false)
	}
	for base := uint32(0); base < v.docs; base += windowDocs {
		if err := ctx.Err(); err != nil {
			return err
		}
		visible.fill(v.docs - base)
		if deleted != nil {
			gone.slice(deleted, base)
			visible.andNot(&gone)
		}
		if filter != nil {
			if err := filter.eval(base, among); err != nil {
				return err
			}
			visible.and(&among.match)
			if visible.empty() {
				continue
			}
		}
		if err := n.eval(base, out); err != nil {
			return err
		}
		out.match.and(&visible)
		if !out.match.empty() {
			visit(v, base, out)
		}
	}
	return nil
}

// Count gives the exact number of live documents that match; nil matches all.
func (s *Snapshot) Count(ctx context.Context, q api.Query) (int, error) {
	if q == nil {
		return s.gen.live, nil
	}
	top, err := s.Search(ctx, Request{Query: q})
	return top.Total, err
}

// IDs gives the ids, ascending, of the documents that match; ErrTooMany if they are more than limit.
func (s *Snapshot) IDs(ctx context.Context, q api.Query, limit int) ([]string, error) {
	var ids []string
	more := false
	err := s.run(ctx, q, func(v *view, base uint32, f *frame) {
		if more = more || len(ids)+f.match.count() > limit; more {
			return
		}
		f.match.each(func(i uint32) { ids = append(ids, strings.Clone(v.part.source().ID(base+i))) })
	})
	if err != nil {
		s.index.failIfDamaged(err)
		return nil, err
	}
	if more {
		return nil, fmt.Errorf("%w: over %d", ErrTooMany, limit)
	}
	slices.Sort(ids)
	return ids, nil
}

// find gives the view and number of the live document with the id.
func (s *Snapshot) find(id string) (*view, uint32, bool) {
	for i := len(s.gen.views) - 1; i >= 0; i-- {
		if doc, ok := s.gen.views[i].lookup(id); ok {
			return s.gen.views[i], doc, true
		}
	}
	return nil, 0, false
}

// Get gives a document as it was written; ok is false if there is none with the id. One that is damaged fails the
// index.
func (s *Snapshot) Get(id string) (doc Stored, ok bool, err error) {
	defer func() { s.index.failIfDamaged(err) }()
	v, n, ok := s.find(id)
	if !ok {
		return Stored{}, false, nil
	}
	stored, err := v.part.source().Stored(n)
	if err != nil {
		return Stored{}, false, fmt.Errorf("read document %q: %w", id, err)
	}
	return Stored{
		ID: id, Version: v.part.source().Columns(n).Version, Source: stored.Source,
		Vector: stored.Vector,
	}, true, nil
}

// Version gives a document's version; ok is false if there is none with the id.
func (s *Snapshot) Version(id string) (version uint64, ok bool) {
	v, n, ok := s.find(id)
	if !ok {
		return 0, false
	}
	return v.part.source().Columns(n).Version, true
}

// After gives the live documents with the smallest versions above version, ascending, at most limit.
func (s *Snapshot) After(version uint64, limit int) []Key {
	type entry struct {
		version uint64
		view    *view
		doc     uint32
	}
	var found []entry
	s.eachAfter(version, func(v *view, doc uint32, at uint64) { found = append(found, entry{at, v, doc}) })
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.version, b.version) })
	keys := make([]Key, 0, min(limit, len(found)))
	for _, e := range found[:min(limit, len(found))] {
		keys = append(keys, Key{ID: strings.Clone(e.view.part.source().ID(e.doc)), Version: e.version})
	}
	return keys
}

// KeysAfter gives the live documents with the smallest ids above id, ascending by id, at most limit.
func (s *Snapshot) KeysAfter(id string, limit int) []Key {
	// A heap of the smallest ids so far, the largest of them first.
	top := &keyHeap{}
	for _, v := range s.gen.views {
		for doc := range v.docs {
			at := v.part.source().ID(doc)
			if at <= id || v.isDeleted(doc) || top.Len() == limit && (limit == 0 || at >= (*top)[0].ID) {
				continue
			}
			if top.Len() == limit {
				heap.Pop(top)
			}
			heap.Push(top, Key{ID: at, Version: v.part.source().Columns(doc).Version})
		}
	}
	keys := []Key(*top)
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	for i := range keys {
		keys[i].ID = strings.Clone(keys[i].ID)
	}
	return keys
}

// keyHeap has the key with the largest id first.
type keyHeap []Key

func (h keyHeap) Len() int           { return len(h) }
func (h keyHeap) Less(i, j int) bool { return h[i].ID > h[j].ID }
func (h keyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *keyHeap) Push(k any) { *h = append(*h, k.(Key)) }

// Pop implements heap.Interface.
func (h *keyHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// CountAfter gives the number of live documents with a version above version.
func (s *Snapshot) CountAfter(version uint64) int {
	n := 0
	s.eachAfter(version, func(*view, uint32, uint64) { n++ })
	return n
}

func (s *Snapshot) eachAfter(version uint64, fn func(v *view, doc uint32, at uint64)) {
	for _, v := range s.gen.views {
		if v.part.file != nil && v.part.file.MaxVersion() <= version {
			continue
		}
		for doc := range v.docs {
			if at := v.part.source().Columns(doc).Version; at > version && !v.isDeleted(doc) {
				fn(v, doc, at)
			}
		}
	}
}
