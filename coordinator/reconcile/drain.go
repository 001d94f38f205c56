package reconcile

import (
	"context"
	"fmt"

	"sagasu/coordinator/state"
)

// KindDrain is the kind of operation that makes a node ready for a restart or its removal.
const KindDrain = "drain"

// The steps of a drain.
const (
	// StepLeaders hands leaderships over, StepCalls lets calls end, StepReplicas brings replicas to other nodes.
	StepLeaders  = "hand over"
	StepCalls    = "let calls end"
	StepReplicas = "move replicas"
)

// drain looks how far the draining of nodes is, and ends what has lasted for longer than it was to.
func (r *Reconciler) drain(ctx context.Context, view *state.View) (errs []error) {
	for _, o := range view.Operations() {
		if o.Kind == KindDrain && !o.State.Ended() {
			next, err := r.drained(ctx, view, o)
			if err != nil {
				errs = append(errs, fmt.Errorf("operation %s: %w", o.ID, err))
			}
			errs = append(errs, r.note(ctx, o, next))
		}
	}
	now := r.cfg.Now().UnixMilli()
	for _, n := range view.Nodes() {
		if n.Drain == nil || n.Drain.Holds(now) {
			continue
		}
		r.cfg.Logger.Warn("a node is away for longer than it was to be", "node", n.ID)
		c := state.EndDrain{Node: n.ID, Operation: n.Drain.Operation}
		if _, err := r.cfg.Cluster.Propose(ctx, c); err != nil {
			errs = append(errs, fmt.Errorf("end the drain of node %s: %w", n.ID, err))
		}
	}
	return errs
}

// drained says how far the draining of a node is.
func (r *Reconciler) drained(ctx context.Context, view *state.View, o state.Operation) (state.Operation, error) {
	n, known := view.Node(o.Node)
	switch {
	case !known || n.State == state.NodeRemoved:
		o.State, o.Error = state.OperationDone, ""
		return o, nil
	case n.Drain == nil || n.Drain.Operation != o.ID:
		o.State, o.Error = state.OperationCancelled, ""
		return o, nil
	case o.State == state.OperationCancelling:
		if _, err := r.cfg.Cluster.Propose(ctx, state.EndDrain{Node: n.ID, Operation: o.ID}); err != nil {
			return o, err
		}
		o.State = state.OperationCancelled
		return o, nil
	}
	left := uint64(view.Holding()[n.ID])
	o.Total = max(o.Total, left)
	leads, calls, err := r.cfg.Cluster.Busy(ctx, n.ID)
	switch {
	case err != nil && r.alive(view, n.ID):
		o.Error = err.Error()
		return o, nil
	case err != nil:
		leads, calls = 0, 0 // it is stopped
	}
	o.State, o.Error = state.OperationRunning, ""
	if n.Drain.Mode == state.DrainRemove {
		o.Done = o.Total - left
	}
	switch {
	case n.Drain.Mode == state.DrainRemove && left > 0:
		o.Step = StepReplicas
	case leads > 0:
		o.Step = StepLeaders
	case calls > 0:
		o.Step = StepCalls
	default:
		o.State, o.Step, o.Done = state.OperationDone, "", o.Total
	}
	return o, nil
}
