package shard

import (
	"context"
	"errors"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// Current implements rpc.Resolving.
func (l local) Current(ctx context.Context, call rpc.Call, ids []string, generation int,
) (replica.Presence, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) (replica.Presence, error) { return e.Current(e.ctx, ids, generation) })
}

// SelectIDs implements rpc.Resolving.
func (l local) SelectIDs(ctx context.Context, call rpc.Call, filter api.Query, limit int,
) ([]string, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) ([]string, error) { return e.SelectIDs(e.ctx, filter, limit) })
}

// Position implements rpc.Resolving. Its mark is taken last: a copy that has applied as much is at the position or
// beyond it, so that what it answers then is not older.
func (l local) Position(ctx context.Context, call rpc.Call) (replica.Position, rpc.Mark, error) {
	e, err := l.enter(ctx, call)
	if err != nil {
		return replica.Position{}, rpc.Mark{}, err
	}
	defer e.leave()
	position := e.Position()
	return position, l.mark(e, e.Applied()), nil
}

// DenseStatus implements rpc.Tending.
func (l local) DenseStatus(ctx context.Context, call rpc.Call) ([]replica.GenerationStatus, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) ([]replica.GenerationStatus, error) { return e.DenseStatus(e.ctx) })
}

// DenseFailures implements rpc.Tending.
func (l local) DenseFailures(ctx context.Context, call rpc.Call, generation int) (replica.Failures, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) (replica.Failures, error) { return e.DenseFailures(generation) })
}

// ListKeys implements rpc.Tending.
func (l local) ListKeys(ctx context.Context, call rpc.Call, after string, limit int,
) ([]replica.KeyState, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) ([]replica.KeyState, error) { return e.ListKeys(e.ctx, after, limit) })
}

// RetryDense implements rpc.Tending.
func (l local) RetryDense(ctx context.Context, call rpc.Call, generation int) (rpc.Mark, error) {
	return l.tendDense(ctx, call, func(e *entered) error { return e.RetryDense(e.ctx, generation) })
}

// RepairDense implements rpc.Tending.
func (l local) RepairDense(ctx context.Context, call rpc.Call, generation int, ids []string) (rpc.Mark, error) {
	return l.tendDense(ctx, call, func(e *entered) error { return e.RepairDense(e.ctx, generation, ids) })
}

// tendDense asks the leader's workers for something.
func (l local) tendDense(ctx context.Context, call rpc.Call, do func(e *entered) error) (rpc.Mark, error) {
	_, mark, err := read(ctx, l, call, func(e *entered) (struct{}, error) {
		if _, _, here := e.Leadership(); !here {
			return struct{}{}, e.notLeader()
		}
		err := do(e)
		if errors.Is(err, replica.ErrNotLeader) {
			err = e.notLeader()
		}
		return struct{}{}, err
	})
	return mark, err
}
