package rpc

import (
	"context"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// Remote is the replicas of one node as a Replica: what is true of a replica in this process is true of one
// that is reached by a Client.
type Remote struct {
	client *Client
	node   string
}

var _ Replica = Remote{}

// At gives the replicas of a node.
func (c *Client) At(node string) Remote { return Remote{client: c, node: node} }

// SearchSparse is Client.SearchSparse.
func (r Remote) SearchSparse(
	ctx context.Context, call Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, Mark, error) {
	return r.client.SearchSparse(ctx, r.node, call, req, want)
}

// Statistics is Client.Statistics.
func (r Remote) Statistics(ctx context.Context, call Call, terms []sparse.TermKey) (sparse.Statistics, Mark, error) {
	return r.client.Statistics(ctx, r.node, call, terms)
}

// SearchDense is Client.SearchDense.
func (r Remote) SearchDense(
	ctx context.Context, call Call, req replica.DenseRequest,
) (replica.DenseResult, Mark, error) {
	return r.client.SearchDense(ctx, r.node, call, req)
}

// Fetch is Client.Fetch.
func (r Remote) Fetch(ctx context.Context, call Call, ids []string) ([]sparse.Stored, Mark, error) {
	return r.client.Fetch(ctx, r.node, call, ids)
}

// Count is Client.Count.
func (r Remote) Count(ctx context.Context, call Call, q api.Query) (int, Mark, error) {
	return r.client.Count(ctx, r.node, call, q)
}

// Write is Client.Write.
func (r Remote) Write(ctx context.Context, call Call, req WriteRequest) (WriteAnswer, Mark, error) {
	return r.client.Write(ctx, r.node, call, req)
}

// WaitDense is Client.WaitDense.
func (r Remote) WaitDense(ctx context.Context, call Call, version uint64) (Mark, error) {
	return r.client.WaitDense(ctx, r.node, call, version)
}

// Info is Client.Info.
func (r Remote) Info(ctx context.Context, call Call) (ShardInfo, Mark, error) {
	return r.client.Info(ctx, r.node, call)
}
