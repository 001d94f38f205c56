package coordinator

import (
	"context"
	"errors"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// localShard lets a replica of this process answer searches.
type localShard struct{ *replica.Replica }

var _ query.Shard = localShard{}

// SearchSparse is the replica's. The only shard of an index is never asked for statistics.
func (s localShard) SearchSparse(
	ctx context.Context, req sparse.Request, _ []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, error) {
	top, err := s.Replica.SearchSparse(ctx, req)
	return top, sparse.Statistics{}, err
}

// Statistics is not needed of the only shard of an index.
func (s localShard) Statistics(context.Context, []sparse.TermKey) (sparse.Statistics, error) {
	return sparse.Statistics{}, errors.ErrUnsupported
}

// SearchDense is the replica's, in the terms of package query.
func (s localShard) SearchDense(ctx context.Context, req query.DenseRequest) (query.DenseResult, error) {
	result, err := s.Replica.SearchDense(ctx, replica.DenseRequest(req))
	return query.DenseResult(result), err
}

// Search answers a search of an index. Errors: api.ErrIndexNotFound and those of query.Searcher.
func (n *Node) Search(ctx context.Context, index string, req *api.SearchRequest) (*api.SearchResponse, error) {
	x, ctx, leave, err := n.enter(ctx, index)
	if err != nil {
		return nil, err
	}
	defer leave()
	target := query.Target{Name: x.Name, Schema: &x.Schema, Shards: []query.Shard{localShard{x.replica}}}
	return n.searcher.Search(ctx, target, req)
}
