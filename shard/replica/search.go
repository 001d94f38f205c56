package replica

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/sparse"
)

// SearchSparse gives the best documents of the lexical leg.
func (r *Replica) SearchSparse(ctx context.Context, req sparse.Request) (sparse.TopDocs, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	top, err := snap.Search(ctx, req)
	if err != nil {
		return sparse.TopDocs{}, fmt.Errorf("search sparse index: %w", err)
	}
	return top, nil
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
