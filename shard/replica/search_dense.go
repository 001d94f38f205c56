package replica

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// DenseRequest asks for the documents nearest to a vector.
type DenseRequest struct {
	// Generation is that of the vectors to be searched: api.DenseConfig.Generation of the model that made Vector.
	Generation int
	Vector     []float32
	// K is the number of hits wanted.
	K int
	// Filter restricts the documents; nil for none.
	Filter api.Query
}

// DenseResult is the answer of the dense leg.
type DenseResult struct {
	// Hits, best first, at most K; each is of the document's present version.
	Hits []dense.Hit
	// Lag is the number of documents that are not embedded yet.
	Lag int
	// Total is the number of vectors in the index, before the filter.
	Total int
}

// searcher is a dense index as a search sees it.
type searcher interface {
	Search(ctx context.Context, q dense.Query) ([]dense.Hit, error)
	Count(ctx context.Context) (int, error)
}

// SearchDense gives the nearest documents, where vectors are searched in this process. What the dense index holds may be older than the documents,
// so each hit is held against the present versions, and more hits are asked for while stale ones left
// too few. Errors: ErrNoDense, ErrNoGeneration, ErrFilterTooBroad and the dense index's own.
func (r *Replica) SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error) {
	if _, ok := r.current(); !ok {
		return DenseResult{}, ErrNoDense
	}
	if dims, ok := r.state.has(req.Generation); !ok {
		return DenseResult{}, fmt.Errorf("search dense index: generation %d: %w", req.Generation, ErrNoGeneration)
	} else if dims == 0 {
		// It has no vectors yet.
		return DenseResult{Lag: r.lag(req.Generation)}, nil
	}
	var out DenseResult
	err := r.searching(req.Generation, func(x searcher) (err error) {
		if out.Hits, err = r.nearest(ctx, x, req); err != nil {
			return fmt.Errorf("search dense index: %w", err)
		}
		if out.Total, err = x.Count(ctx); err != nil {
			return fmt.Errorf("count dense index: %w", err)
		}
		return nil
	})
	if err != nil {
		return DenseResult{}, err
	}
	out.Lag = r.lag(req.Generation)
	return out, nil
}

// searching calls fn with what searches a generation's vectors here.
func (r *Replica) searching(generation int, fn func(searcher) error) error {
	return r.vectors.use(generation, func(s vectorStore) error {
		x, ok := s.(searcher)
		if !ok {
			return fmt.Errorf("vectors of generation %d are searched elsewhere: %w", generation, ErrNoDense)
		}
		return fn(x)
	})
}

func (r *Replica) nearest(ctx context.Context, x searcher, req DenseRequest) ([]dense.Hit, error) {
	q := dense.Query{Vector: req.Vector, K: req.K + denseMargin, Filter: req.Filter}
	resolved := false
	for {
		found, err := x.Search(ctx, q)
		if errors.Is(err, dense.ErrFilterUnsupported) && !resolved {
			if q.Filter, err = r.filterByIDs(ctx, req.Filter); err != nil {
				return nil, err
			}
			resolved = true
			continue
		}
		if err != nil {
			return nil, err
		}
		fresh := r.fresh(found)
		if len(fresh) >= req.K || len(found) < q.K {
			return fresh[:min(req.K, len(fresh))], nil
		}
		q.K *= 2
	}
}

// fresh keeps the hits whose vector is of the document's present version. It looks at the documents
// after the search, so nothing that was replaced or deleted before that is kept.
func (r *Replica) fresh(hits []dense.Hit) []dense.Hit {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	kept := make([]dense.Hit, 0, len(hits))
	for _, h := range hits {
		if version, ok := snap.Version(h.ID); ok && version == h.Version {
			kept = append(kept, h)
		}
	}
	return kept
}

// filterByIDs turns a filter that only the sparse index understands into the ids it selects.
func (r *Replica) filterByIDs(ctx context.Context, filter api.Query) (api.Query, error) {
	ids, err := r.SelectIDs(ctx, filter, maxFilterIDs)
	if err != nil {
		return nil, err
	}
	return &api.IDs{Values: ids, Boost: 1}, nil
}

// SelectIDs gives the ids, ascending, of the documents that a filter selects; nil selects all. ErrFilterTooBroad
// if they are more than limit.
func (r *Replica) SelectIDs(ctx context.Context, filter api.Query, limit int) ([]string, error) {
	if filter == nil {
		filter = &api.MatchAll{Boost: 1}
	}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	ids, err := snap.IDs(ctx, filter, limit)
	if errors.Is(err, sparse.ErrTooMany) {
		return nil, fmt.Errorf("more than %d documents: %w", limit, ErrFilterTooBroad)
	}
	if err != nil {
		return nil, fmt.Errorf("resolve filter: %w", err)
	}
	return ids, nil
}

// WaitDense returns when every document up to that version can be found by its vector, or is recorded as failed. It
// returns ErrNoDense at once for an index without a dense leg.
func (r *Replica) WaitDense(ctx context.Context, version uint64) error {
	for {
		moved := r.state.moved()
		config, ok := r.current()
		if !ok {
			return ErrNoDense
		}
		if r.found(config.Generation, version) {
			return nil
		}
		select {
		case <-moved:
		case <-r.Failed():
			return fmt.Errorf("wait for the dense leg: %w: %w", ErrClosed, r.Err())
		case <-ctx.Done():
			return fmt.Errorf("wait for the dense leg: %w", ctx.Err())
		}
	}
}

// found reports whether no live document with a version up to the given one is left that waits for its vector: the
// workers' checkpoints themselves do not move past documents that were deleted.
func (r *Replica) found(generation int, version uint64) bool {
	done, ok := r.done(generation)
	if !ok {
		return false
	}
	if done >= version {
		return true
	}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	next := snap.After(done, 1)
	return len(next) == 0 || next[0].Version > version
}

// done is the document version up to which the vectors of a generation can be found.
func (r *Replica) done(generation int) (uint64, bool) {
	at, ok := r.state.embedded(generation)
	if !ok {
		return 0, false
	}
	if r.cfg.Collection == nil {
		return at.checkpoint, true
	}
	fed, _ := r.state.consumer(feedName(generation))
	return min(at.checkpoint, fed.version), true
}
