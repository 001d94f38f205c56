package replica

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/sparse"
)

// SearchSparse gives the best documents of the lexical leg, and this replica's own statistics for the terms
// of want, as of the same moment.
func (r *Replica) SearchSparse(ctx context.Context, req sparse.Request, want []sparse.TermKey) (
	sparse.TopDocs, sparse.Statistics, error,
) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	top, err := snap.Search(ctx, req)
	if err != nil {
		return sparse.TopDocs{}, sparse.Statistics{}, fmt.Errorf("search sparse index: %w", err)
	}
	if len(want) == 0 {
		return top, sparse.Statistics{}, nil
	}
	stats, err := snap.Statistics(want)
	if err != nil {
		return sparse.TopDocs{}, sparse.Statistics{}, fmt.Errorf("gather statistics: %w", err)
	}
	return top, stats, nil
}

// Statistics gives this replica's own statistics: all text fields, and the terms asked for.
func (r *Replica) Statistics(terms []sparse.TermKey) (sparse.Statistics, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	stats, err := snap.Statistics(terms)
	if err != nil {
		return sparse.Statistics{}, fmt.Errorf("gather statistics: %w", err)
	}
	return stats, nil
}

// Count gives the exact number of documents that match q; nil matches all.
func (r *Replica) Count(ctx context.Context, q api.Query) (int, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	if q == nil {
		return snap.Len(), nil
	}
	n, err := snap.Count(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}

// Fetch gives the present versions of documents, in the order of ids; those that are gone are left out.
func (r *Replica) Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	out := make([]sparse.Stored, 0, len(ids))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		stored, ok, err := snap.Get(id)
		if err != nil {
			return nil, fmt.Errorf("fetch document %q: %w", id, err)
		}
		if ok {
			out = append(out, stored)
		}
	}
	return out, nil
}
