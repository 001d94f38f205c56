package query

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/fusion"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// searchVectors finds the nearest vectors of all shards at once. What is found may be of a document that was replaced
// or deleted since, so each hit is held against its shard; if too few are left, more are asked for.
func (s *search) searchVectors(ctx context.Context, leg *denseLeg, vector []float32) {
	want := s.denseK()
	q := dense.Query{Vector: vector, K: min(want+want/8+spareVectors, maxDenseCandidates), Filter: s.filter}
	var unfiltered []failure
	for resolved := false; ; {
		found, err := call(ctx, func(ctx context.Context) ([]dense.Hit, error) { return s.target.Vectors.Search(ctx, q) })
		if errors.Is(err, dense.ErrFilterUnsupported) && s.filter != nil && !resolved {
			var ids []string
			resolved = true
			if ids, unfiltered, err = s.selected(ctx); err == nil && len(ids) > 0 {
				q.Filter = &api.IDs{Values: ids, Boost: 1}
				continue
			}
		}
		switch {
		case errors.Is(err, sparse.ErrQuery):
			leg.refused = queryProblem(err)
			return
		case err != nil:
			leg.failures = append(leg.failures, failure{vectorsReason(err), denseDetail(err, 0, 1), err})
			return
		}
		s.resolve(ctx, leg, found)
		if len(leg.hits) >= want || len(found) < q.K || q.K == maxDenseCandidates || ctx.Err() != nil ||
			leg.answered == 0 {
			break
		}
		q.K = min(2*q.K, maxDenseCandidates)
	}
	leg.failures = append(leg.failures, unfiltered...)
	leg.hits = leg.hits[:min(want, len(leg.hits))]
}

// resolve sorts hits by their shards and keeps those that are of their document's present version. Shards that have
// none are asked too, for how far their vectors lag behind.
func (s *search) resolve(ctx context.Context, leg *denseLeg, found []dense.Hit) {
	shards := len(s.target.Shards)
	ids, places := make([][]string, shards), make([][]int, shards)
	for i := range found {
		owner := s.owner(found[i].ID)
		ids[owner] = append(ids[owner], found[i].ID)
		places[owner] = append(places[owner], i)
	}
	generation := s.target.Schema.Dense.Generation
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, i int, shard Shard) (Presence, error) {
		p, err := shard.Current(ctx, ids[i], generation)
		if err == nil && len(p.Versions) != len(ids[i]) {
			err = fmt.Errorf("%w: %d versions of %d documents", api.ErrUnavailable, len(p.Versions), len(ids[i]))
		}
		return p, err
	})
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	fresh := make([]bool, len(found))
	leg.hits, leg.lists, leg.failures, leg.answered, leg.lag = nil, make([][]fusion.Entry, shards), nil, 0, 0
	for i, a := range answers {
		if a.err != nil {
			leg.failures = append(leg.failures, failure{sparseReason(a.err, late), shardDetail(i, shards), a.err})
			continue
		}
		leg.answered++
		leg.lag += a.value.Lag
		for j, at := range places[i] {
			if a.value.Versions[j] == found[at].Version {
				fresh[at] = true
				leg.lists[i] = append(leg.lists[i], fusion.Entry{ID: found[at].ID, Score: float64(found[at].Score)})
			}
		}
	}
	for i, h := range found {
		if fresh[i] {
			leg.hits = append(leg.hits, fusion.Entry{ID: h.ID, Score: float64(h.Score)})
		}
	}
}

// owner gives the position of the shard that a document belongs to.
func (s *search) owner(id string) int {
	if len(s.target.Shards) == 1 {
		return 0
	}
	return s.target.Owner(id)
}

// selected gives the ids of the documents that the filter selects, which only the shards understand. Those of shards
// that fail are missing.
func (s *search) selected(ctx context.Context) (ids []string, failures []failure, err error) {
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, _ int, shard Shard) ([]string, error) {
		return shard.SelectIDs(ctx, s.filter, maxFilterIDs)
	})
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	for i, a := range answers {
		switch {
		case errors.Is(a.err, sparse.ErrQuery), errors.Is(a.err, dense.ErrFilterUnsupported):
			return nil, nil, fmt.Errorf("resolve filter: %w", a.err)
		case a.err != nil:
			failures = append(failures, failure{sparseReason(a.err, late), shardDetail(i, len(answers)), a.err})
		}
		ids = append(ids, a.value...)
	}
	if len(ids) > maxFilterIDs {
		return nil, nil, fmt.Errorf("resolve filter: %w: it selects more than %d documents", dense.ErrFilterUnsupported,
			maxFilterIDs)
	}
	slices.Sort(ids)
	return ids, failures, nil
}
