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

// SearchDense gives the nearest documents. What the dense index holds may be older than the documents,
// so each hit is held against the present versions, and more hits are asked for while stale ones left
// too few. Errors: ErrNoDense, ErrFilterTooBroad and the dense index's own.
func (r *Replica) SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error) {
	if r.dense == nil {
		return DenseResult{}, ErrNoDense
	}
	hits, err := r.nearest(ctx, req)
	if err != nil {
		return DenseResult{}, fmt.Errorf("search dense index: %w", err)
	}
	total, err := r.dense.Count(ctx)
	if err != nil {
		return DenseResult{}, fmt.Errorf("count dense index: %w", err)
	}
	return DenseResult{Hits: hits, Lag: r.DenseLag(), Total: total}, nil
}

func (r *Replica) nearest(ctx context.Context, req DenseRequest) ([]dense.Hit, error) {
	q := dense.Query{Vector: req.Vector, K: req.K + denseMargin, Filter: req.Filter}
	resolved := false
	for {
		found, err := r.dense.Search(ctx, q)
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
	ids, err := r.resolveFilter(ctx, filter, maxFilterIDs)
	if err != nil {
		return nil, err
	}
	return &api.IDs{Values: ids, Boost: 1}, nil
}

func (r *Replica) resolveFilter(ctx context.Context, filter api.Query, limit int) ([]string, error) {
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

// DenseLag is the number of documents that the dense worker has not reached yet; 0 without a dense leg.
func (r *Replica) DenseLag() int {
	if r.cfg.Schema.Dense == nil {
		return 0
	}
	checkpoint, _ := r.state.progress()
	// Counting looks at each document, which a search can't afford while there is nothing to count.
	if max(checkpoint, r.machine.reached.Load()) >= r.machine.version.Load() {
		return 0
	}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	return snap.CountAfter(checkpoint)
}

// WaitDense returns when every document up to that version is embedded or recorded as failed. It
// returns ErrNoDense at once for an index without a dense leg.
func (r *Replica) WaitDense(ctx context.Context, version uint64) error {
	if r.cfg.Schema.Dense == nil {
		return ErrNoDense
	}
	for {
		checkpoint, changed := r.state.progress()
		if r.embeddedUpTo(checkpoint, version) {
			return nil
		}
		select {
		case <-changed:
		case <-r.Failed():
			return fmt.Errorf("wait for the dense leg: %w: %w", ErrClosed, r.Err())
		case <-ctx.Done():
			return fmt.Errorf("wait for the dense leg: %w", ctx.Err())
		}
	}
}

// embeddedUpTo reports whether no live document with a version up to the given one is left above the
// checkpoint: the checkpoint itself does not move past documents that were deleted.
func (r *Replica) embeddedUpTo(checkpoint, version uint64) bool {
	if checkpoint >= version {
		return true
	}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	next := snap.After(checkpoint, 1)
	return len(next) == 0 || next[0].Version > version
}
