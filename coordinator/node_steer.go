package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
)

// canPause gives whether operations of a kind can be paused and throttled: whoever runs them looks at that. A new kind
// that can be gets its line here.
func canPause(kind string) bool {
	switch kind {
	case reconcile.KindMove, reconcile.KindRebalance, reconcile.KindRebuild:
		return true
	}
	return false
}

// SteerOperation pauses, resumes or throttles an operation and its parts.
func (n *Node) SteerOperation(ctx context.Context, id string, s api.Steering) (api.Operation, error) {
	o, err := n.findOperation(ctx, id)
	if err != nil {
		return api.Operation{}, err
	}
	if !canPause(o.Kind) {
		return api.Operation{}, api.NewProblem(api.ProblemConflict, 409, "id",
			"operations of kind %s can't be paused or throttled", o.Kind)
	}
	err = n.steer(ctx, state.SteerOperation{
		ID: id, Action: state.Steering(s.Action), By: s.By, Throttle: s.Throttle, Millis: n.cfg.Now().UnixMilli(),
	})
	if err != nil {
		return api.Operation{}, err
	}
	return n.Operation(ctx, id)
}

// steer proposes what is asked of an operation.
func (n *Node) steer(ctx context.Context, c state.SteerOperation) error {
	if err := n.needLevel(n.meta.View(), state.LevelOperations); err != nil {
		return err
	}
	_, err := n.meta.Propose(ctx, c)
	switch {
	case errors.Is(err, state.ErrOperationEnded):
		return api.NewProblem(api.ProblemConflict, 409, "id", "operation %s has ended already", c.ID)
	case errors.Is(err, state.ErrOperationNotFound):
		return noOperation(c.ID)
	case errors.Is(err, state.ErrInvalid):
		return api.NewProblem(api.ProblemConflict, 409, "id", "operation %s is being cancelled", c.ID)
	case err != nil:
		return fmt.Errorf("%s operation %s: %w", c.Action, c.ID, translate(err))
	}
	return nil
}

// findOperation gives an operation that is kept, also one that began on another node just now.
func (n *Node) findOperation(ctx context.Context, id string) (state.Operation, error) {
	o, ok := n.meta.View().Operation(id)
	if ok {
		return o, nil
	}
	if err := n.sync(ctx); err != nil {
		return o, fmt.Errorf("look for operation %q: %w: %w", id, api.ErrUnavailable, err)
	}
	if o, ok = n.meta.View().Operation(id); !ok {
		return o, noOperation(id)
	}
	return o, nil
}
