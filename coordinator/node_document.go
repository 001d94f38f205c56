package coordinator

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/sparse"
)

// Write applies writes to an index, in their order, and gives a result for each. They are durable and
// visible on return; with opts.WaitDense their vectors are too.
func (n *Node) Write(ctx context.Context, index string, writes []api.Write,
	opts httpapi.WriteOptions,
) ([]api.WriteResult, error) {
	x, ctx, leave, err := n.enter(ctx, index)
	if err != nil {
		return nil, err
	}
	defer leave()
	results, err := x.replica.Write(ctx, writes)
	if err != nil || !opts.WaitDense || x.Schema.Dense == nil {
		return results, err
	}
	highest := uint64(0)
	for _, r := range results {
		highest = max(highest, r.Version)
	}
	// The writes took place whatever becomes of the wait, so their results go back with its error.
	return results, x.replica.WaitDense(ctx, highest)
}

// Get gives a document's present version. It returns api.ErrDocumentNotFound.
func (n *Node) Get(ctx context.Context, index, id string) (sparse.Stored, error) {
	x, ctx, leave, err := n.enter(ctx, index)
	if err != nil {
		return sparse.Stored{}, err
	}
	defer leave()
	found, err := x.replica.Fetch(ctx, []string{id})
	if err != nil {
		return sparse.Stored{}, err
	}
	if len(found) == 0 {
		return sparse.Stored{}, fmt.Errorf("document %q: %w", id, api.ErrDocumentNotFound)
	}
	return found[0], nil
}

// Count gives the exact number of documents that match q; nil matches all.
func (n *Node) Count(ctx context.Context, index string, q api.Query) (int, error) {
	x, ctx, leave, err := n.enter(ctx, index)
	if err != nil {
		return 0, err
	}
	defer leave()
	return x.replica.Count(ctx, q)
}
