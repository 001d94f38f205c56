package coordinator

import (
	"context"
	"time"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/coordinator/route"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// copyOf is one copy of a shard, on this node or another, in the terms of package route.
type copyOf struct {
	shard string
	// find gives the replica; one of this node is found anew for each call, since it may be opened and closed.
	find func() (rpc.Replica, error)
}

var _ route.Replica = copyOf{}

// copyOn gives the copy of a shard on a node. A call to one on this node passes no socket.
func (n *Node) copyOn(shard, node string) route.Copy {
	if node == n.who.Load().ID {
		return route.Copy{Node: node, Local: true, Replica: copyOf{shard, func() (rpc.Replica, error) {
			if n.host == nil {
				return nil, &rpc.NoShardError{Shard: shard, Version: n.meta.View().Version()}
			}
			return n.host.Replica(shard)
		}}}
	}
	return route.Copy{Node: node, Replica: copyOf{shard, func() (rpc.Replica, error) {
		if n.peers == nil {
			return nil, &rpc.NoShardError{Shard: shard, Version: n.meta.View().Version()}
		}
		return n.peers.At(node), nil
	}}}
}

func (c copyOf) call(call route.Call) rpc.Call {
	return rpc.Call{Shard: c.shard, Epoch: call.Epoch, MinIndex: call.MinIndex}
}

func mark(m rpc.Mark) route.Mark {
	return route.Mark{
		Applied: m.Applied, Epoch: m.Epoch, Service: time.Duration(m.ServiceMicros) * time.Microsecond,
	}
}

// SearchSparse implements route.Replica.
func (c copyOf) SearchSparse(ctx context.Context, call route.Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return sparse.TopDocs{}, sparse.Statistics{}, route.Mark{}, err
	}
	top, stats, m, err := r.SearchSparse(ctx, c.call(call), req, want)
	return top, stats, mark(m), err
}

// SearchDense implements route.Replica.
func (c copyOf) SearchDense(ctx context.Context, call route.Call, req query.DenseRequest,
) (query.DenseResult, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return query.DenseResult{}, route.Mark{}, err
	}
	result, m, err := r.SearchDense(ctx, c.call(call), replica.DenseRequest(req))
	return query.DenseResult(result), mark(m), err
}

// Fetch implements route.Replica.
func (c copyOf) Fetch(ctx context.Context, call route.Call, ids []string) ([]sparse.Stored, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return nil, route.Mark{}, err
	}
	documents, m, err := r.Fetch(ctx, c.call(call), ids)
	return documents, mark(m), err
}

// Count implements route.Replica.
func (c copyOf) Count(ctx context.Context, call route.Call, q api.Query) (int, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return 0, route.Mark{}, err
	}
	count, m, err := r.Count(ctx, c.call(call), q)
	return count, mark(m), err
}

// Statistics implements route.Replica.
func (c copyOf) Statistics(ctx context.Context, call route.Call, terms []sparse.TermKey,
) (sparse.Statistics, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return sparse.Statistics{}, route.Mark{}, err
	}
	stats, m, err := r.Statistics(ctx, c.call(call), terms)
	return stats, mark(m), err
}

// Current implements route.Replica.
func (c copyOf) Current(ctx context.Context, call route.Call, ids []string, generation int,
) (query.Presence, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return query.Presence{}, route.Mark{}, err
	}
	presence, m, err := r.Current(ctx, c.call(call), ids, generation)
	return query.Presence(presence), mark(m), err
}

// SelectIDs implements route.Replica.
func (c copyOf) SelectIDs(ctx context.Context, call route.Call, filter api.Query, limit int,
) ([]string, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return nil, route.Mark{}, err
	}
	ids, m, err := r.SelectIDs(ctx, c.call(call), filter, limit)
	return ids, mark(m), err
}

// Position implements route.Replica.
func (c copyOf) Position(ctx context.Context, call route.Call) (query.Position, route.Mark, error) {
	r, err := c.find()
	if err != nil {
		return query.Position{}, route.Mark{}, err
	}
	position, m, err := r.Position(ctx, c.call(call))
	return query.Position(position), mark(m), err
}
