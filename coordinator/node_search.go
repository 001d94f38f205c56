package coordinator

import (
	"context"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/shard/replica"
)

// localShard lets a replica of this process answer searches.
type localShard struct{ *replica.Replica }

var _ query.Shard = localShard{}

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
