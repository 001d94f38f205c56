package route

import (
	"context"
	"time"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/sparse"
)

// Call is what a replica must satisfy to answer.
type Call struct {
	// Epoch is that of the shard's placement as the caller knows it.
	Epoch uint64
	// MinIndex is the log index that must have been applied; 0 for any.
	MinIndex uint64
}

// Mark is what a replica tells of itself with an answer.
type Mark struct {
	// Applied is the log index that the answer reflects, or an earlier one.
	Applied uint64
	// Epoch is that of the shard's placement as the replica knows it.
	Epoch uint64
	// Service is the time the replica took, without the way there and back; 0 if not measured.
	Service time.Duration
}

// Replica is one copy of a shard, in this process or on another node. Its methods may be called
// concurrently, should return soon after their context is done, and may panic.
//
// An error that has a method StaleEpoch() uint64 says that the replica refused the call's epoch, and which
// one it knows.
type Replica interface {
	// SearchSparse gives the best documents and the replica's own statistics of the terms in want.
	SearchSparse(
		ctx context.Context, call Call, req sparse.Request, want []sparse.TermKey,
	) (sparse.TopDocs, sparse.Statistics, Mark, error)
	SearchDense(ctx context.Context, call Call, req query.DenseRequest) (query.DenseResult, Mark, error)
	Fetch(ctx context.Context, call Call, ids []string) ([]sparse.Stored, Mark, error)
	Count(ctx context.Context, call Call, q api.Query) (int, Mark, error)
	Statistics(ctx context.Context, call Call, terms []sparse.TermKey) (sparse.Statistics, Mark, error)
	Resolver
}

// Resolver is query.Resolver of one copy.
type Resolver interface {
	Current(ctx context.Context, call Call, ids []string, generation int) (query.Presence, Mark, error)
	SelectIDs(ctx context.Context, call Call, filter api.Query, limit int) ([]string, Mark, error)
	Position(ctx context.Context, call Call) (query.Position, Mark, error)
}

// Copy is a replica and where it is.
type Copy struct {
	// Node is the id of the node.
	Node string
	// Local says that it is in this process, so that asking it costs no network.
	Local bool
	// Last says that it is to be asked only when others can't be, as its node is about to stop.
	Last    bool
	Replica Replica
}

// ShardView is a shard as the metadata describe it. It is not changed once given to the Router.
type ShardView struct {
	ID    string
	Epoch uint64
	// Copies are on different nodes.
	Copies []Copy
	// Leader is the node that led the group when last heard of; empty if unknown.
	Leader string
}
