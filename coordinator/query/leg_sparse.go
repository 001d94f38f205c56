package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sagasu/api"
	"sagasu/fusion"
	"sagasu/sparse"
)

// sparseLeg is the outcome of the lexical leg.
type sparseLeg struct {
	// hits of all shards that answered, best first, ties by id.
	hits     []fusion.Entry
	total    int
	answered int
	failures []failure
	// refused is the problem of a query that does not fit the index.
	refused *api.Problem
	took    time.Duration
	// lists are the hits by shard.
	lists [][]fusion.Entry
}

// sparseAnswer is what a shard gives the sparse leg.
type sparseAnswer struct {
	top   sparse.TopDocs
	stats sparse.Statistics
}

func (s *search) sparseLeg(ctx context.Context) (sparseLeg, error) {
	start := s.cfg.Now()
	req := sparse.Request{Query: s.req.Query, Filter: s.filter, K: s.sparseK(), Count: s.req.Count}
	global, err := s.globalStatistics(ctx, req)
	if errors.Is(err, sparse.ErrQuery) {
		return sparseLeg{refused: queryProblem(err)}, nil
	}
	if err != nil {
		return sparseLeg{}, err
	}
	req.Stats = global.stats
	sent := s.cfg.Now()
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, i int, shard Shard) (sparseAnswer, error) {
		if err := global.failure(i); err != nil {
			return sparseAnswer{}, err
		}
		var a sparseAnswer
		var err error
		a.top, a.stats, err = shard.SearchSparse(ctx, req, global.terms)
		return a, err
	})
	leg := sparseLeg{took: s.cfg.Now().Sub(start)}
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	lists := make([][]fusion.Entry, len(answers))
	for i, a := range answers {
		switch {
		case errors.Is(a.err, sparse.ErrQuery):
			leg.refused = queryProblem(a.err)
			return leg, nil
		case a.err != nil:
			leg.failures = append(leg.failures,
				failure{sparseReason(a.err, late), shardDetail(i, len(answers)), a.err})
			continue
		}
		leg.answered++
		s.statistics.learn(global.of(s.target, i), a.value.stats, sent)
		leg.total += a.value.top.Total
		lists[i] = make([]fusion.Entry, len(a.value.top.Hits))
		for j, h := range a.value.top.Hits {
			lists[i][j] = fusion.Entry{ID: h.ID, Score: h.Score}
		}
	}
	leg.hits = merge(lists, req.K)
	leg.lists = lists
	s.inexact = s.inexact || !global.exact(answers)
	return leg, nil
}

// sparseK is the number of hits asked of the sparse leg: the window if it is fused, else the page and
// some to spare. Where hits are collapsed nobody knows how many make a page.
func (s *search) sparseK() int {
	switch {
	case s.req.Size == 0:
		return 0
	case s.req.Mode == api.ModeSparse && s.req.Collapse == nil:
		return s.req.From + s.req.Size + spareHits
	}
	return s.window
}

// merge brings the shards' hits into one order, score descending and ties by id, and keeps k.
func merge(lists [][]fusion.Entry, k int) []fusion.Entry {
	if len(lists) == 1 {
		return lists[0]
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b fusion.Entry) int {
		if a.Score != b.Score {
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return all[:min(k, len(all))]
}
