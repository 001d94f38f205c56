package httpapi

import (
	"context"

	"sagasu/api"
)

// Operating changes a running cluster. What can't be is a *api.Problem that says why. by is who asks.
type Operating interface {
	// SteerOperation pauses, resumes or throttles an operation and its parts. On return that is noted, and may not be
	// done yet.
	SteerOperation(ctx context.Context, id string, s api.Steering) (api.Operation, error)
	// UndoOperation begins to bring back what an ended move or rebalance has moved.
	UndoOperation(ctx context.Context, id, by string) (api.RebalancePlan, error)
	// MoveReplica begins to bring a replica from one node to another, or only says what that would be.
	MoveReplica(ctx context.Context, req api.MoveRequest, by string) (api.Move, error)
	// Rebalance begins the moves that bring replicas to where they should be, or only plans them.
	Rebalance(ctx context.Context, req api.RebalanceRequest, by string) (api.RebalancePlan, error)
	// ExplainShard says why the replicas of a shard are where they are.
	ExplainShard(ctx context.Context, shard string) (api.ShardExplanation, error)
	// SetReplicas changes how many copies of its shards an index wants. It returns api.ErrIndexNotFound.
	SetReplicas(ctx context.Context, index string, replicas int) (api.IndexInfo, error)
	// DrainNode begins to make a node ready for a restart or its removal, UndrainNode lets it serve as before.
	DrainNode(ctx context.Context, id string, req api.DrainRequest, by string) (api.DrainStatus, error)
	UndrainNode(ctx context.Context, id string) (api.DrainStatus, error)
	DrainStatus(ctx context.Context, id string) (api.DrainStatus, error)
}
