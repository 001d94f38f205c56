package rpc

import (
	"context"

	"sagasu/api"
	"sagasu/shard/replica"
)

// Current is Client.Current.
func (r Remote) Current(ctx context.Context, call Call, ids []string, generation int) (replica.Presence, Mark, error) {
	return r.client.Current(ctx, r.node, call, ids, generation)
}

// SelectIDs is Client.SelectIDs.
func (r Remote) SelectIDs(ctx context.Context, call Call, filter api.Query, limit int) ([]string, Mark, error) {
	return r.client.SelectIDs(ctx, r.node, call, filter, limit)
}

// Position is Client.Position.
func (r Remote) Position(ctx context.Context, call Call) (replica.Position, Mark, error) {
	return r.client.Position(ctx, r.node, call)
}

// DenseStatus is Client.DenseStatus.
func (r Remote) DenseStatus(ctx context.Context, call Call) ([]replica.GenerationStatus, Mark, error) {
	return r.client.DenseStatus(ctx, r.node, call)
}

// DenseFailures is Client.DenseFailures.
func (r Remote) DenseFailures(ctx context.Context, call Call, generation int) (replica.Failures, Mark, error) {
	return r.client.DenseFailures(ctx, r.node, call, generation)
}

// RetryDense is Client.RetryDense.
func (r Remote) RetryDense(ctx context.Context, call Call, generation int) (Mark, error) {
	return r.client.RetryDense(ctx, r.node, call, generation)
}

// RepairDense is Client.RepairDense.
func (r Remote) RepairDense(ctx context.Context, call Call, generation int, ids []string) (Mark, error) {
	return r.client.RepairDense(ctx, r.node, call, generation, ids)
}

// ListKeys is Client.ListKeys.
func (r Remote) ListKeys(ctx context.Context, call Call, after string, limit int) ([]replica.KeyState, Mark, error) {
	return r.client.ListKeys(ctx, r.node, call, after, limit)
}
