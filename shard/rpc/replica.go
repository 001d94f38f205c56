package rpc

import (
	"context"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// Replicas finds the replicas of a node.
type Replicas interface {
	// Replica gives this node's replica of a shard, else *NoShardError.
	Replica(shard string) (Replica, error)
}

// Replica is one replica of a shard, here or on another node. Before it does anything, each method holds the
// call against the replica's state: *EpochError if the call's epoch is older, ErrLagging if the replica does
// not reach Call.MinIndex in time. Methods may be called concurrently.
type Replica interface {
	Searching
	Resolving
	Writing
	Describing
	Tending
}

// Searching is what searches ask of a replica.
type Searching interface {
	// SearchSparse gives the best documents of the lexical leg, and the shard's own statistics for the terms
	// of want if there are any.
	SearchSparse(ctx context.Context, call Call, req sparse.Request, want []sparse.TermKey) (
		sparse.TopDocs, sparse.Statistics, Mark, error)
	// Statistics gives the shard's own statistics: all text fields, and the terms asked for.
	Statistics(ctx context.Context, call Call, terms []sparse.TermKey) (sparse.Statistics, Mark, error)
	// SearchDense gives the nearest documents.
	SearchDense(ctx context.Context, call Call, req replica.DenseRequest) (replica.DenseResult, Mark, error)
	// Fetch gives stored documents in the order of ids; those that are gone are left out.
	Fetch(ctx context.Context, call Call, ids []string) ([]sparse.Stored, Mark, error)
	// Count gives the exact number of documents that match q; nil matches all.
	Count(ctx context.Context, call Call, q api.Query) (int, Mark, error)
}

// Resolving is what searches ask of a replica beside its own hits.
type Resolving interface {
	// Current gives the present versions of documents and how many documents wait for a vector of a generation:
	// replica.ErrNoGeneration if there is none of that number.
	Current(ctx context.Context, call Call, ids []string, generation int) (replica.Presence, Mark, error)
	// SelectIDs gives the ids, ascending, of the documents that a filter selects; replica.ErrFilterTooBroad if they
	// are more than limit, which is at most MaxIDs.
	SelectIDs(ctx context.Context, call Call, filter api.Query, limit int) ([]string, Mark, error)
	// Position tells by what the replica answers; it costs next to nothing.
	Position(ctx context.Context, call Call) (replica.Position, Mark, error)
}

// Tending is what operators ask of a replica's dense leg. Of generations that are not there it tells
// replica.ErrNoGeneration. Lists are those of the replica asked; retries and repairs belong to the leader, others
// answer *NotLeaderError.
type Tending interface {
	// DenseStatus tells of every generation, ascending; of what the workers do only at the leader.
	DenseStatus(ctx context.Context, call Call) ([]replica.GenerationStatus, Mark, error)
	// DenseFailures gives the documents that can't be embedded.
	DenseFailures(ctx context.Context, call Call, generation int) (replica.Failures, Mark, error)
	// RetryDense has them tried once more, soon.
	RetryDense(ctx context.Context, call Call, generation int) (Mark, error)
	// RepairDense has the leader look again at some documents, at most MaxIDs, which may be none of its own.
	RepairDense(ctx context.Context, call Call, generation int, ids []string) (Mark, error)
	// ListKeys gives what the replica holds of its documents, ascending by id, beginning behind after, at most
	// limit, which is at most MaxKeys. Fewer than limit are the last.
	ListKeys(ctx context.Context, call Call, after string, limit int) ([]replica.KeyState, Mark, error)
}

// Writing is what changes a replica, or waits for it to change.
type Writing interface {
	// Write applies writes: durable and visible when it returns. Errors beside those of Replica:
	// *NotLeaderError, replica.ErrWrite, api.ErrOverloaded, and api.ErrUnknownOutcome where some may be done.
	Write(ctx context.Context, call Call, req WriteRequest) (WriteAnswer, Mark, error)
	// WaitDense returns when every document up to that version is embedded, or recorded as failed.
	WaitDense(ctx context.Context, call Call, version uint64) (Mark, error)
}

// Describing tells of a replica.
type Describing interface {
	// Info tells how the replica is; a failed one answers too.
	Info(ctx context.Context, call Call) (ShardInfo, Mark, error)
}

// Transfers gives away checkpoints of a node's replicas.
type Transfers interface {
	// OpenCheckpoint makes a checkpoint of the replica of a group and keeps it for the session it names.
	OpenCheckpoint(ctx context.Context, group string) (Checkpoint, error)
	// ReadFile appends to dst at most length bytes of a file from an offset on; fewer only where the file
	// ends. The path has passed CheckPath. ErrNoSession if the session is not there.
	ReadFile(ctx context.Context, session, path string, offset int64, length int, dst []byte) ([]byte, error)
	// CloseCheckpoint forgets the session; one that is not there is no error.
	CloseCheckpoint(ctx context.Context, session string) error
}
