package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
)

// KindRebalance is the kind of operation whose parts are moves.
const KindRebalance = "rebalance"

// rebalance begins the planned moves of rebalances, some at a time, and sums up what they have come to. busy are the
// shards that have a move, to which those begun are added.
func (r *Reconciler) rebalance(ctx context.Context, view *state.View, busy map[string]bool) (errs []error) {
	running := false
	for _, o := range view.Operations() {
		if o.Kind != KindRebalance || o.State.Ended() {
			continue
		}
		running = true
		errs = append(errs, r.pace(ctx, view, o))
		if now, ok := r.cfg.Cluster.View().Operation(o.ID); ok {
			o = now // it may have been paused
		}
		parts := partsOf(view, o.ID)
		if o.State == state.OperationRunning {
			errs = append(errs, r.beginParts(ctx, view, parts, busy)...)
		}
		errs = append(errs, r.note(ctx, o, sum(o, parts)))
	}
	if !running {
		r.calmSince = time.Time{}
	}
	return errs
}

// partsOf gives the parts of an operation, in order of creation.
func partsOf(view *state.View, id string) (parts []state.Operation) {
	for _, o := range view.Operations() {
		if o.Parent == id {
			parts = append(parts, o)
		}
	}
	return parts
}

// beginParts begins planned moves until as many run as may.
func (r *Reconciler) beginParts(ctx context.Context, view *state.View, parts []state.Operation, busy map[string]bool,
) (errs []error) {
	running := 0
	for _, o := range parts {
		if !o.State.Ended() && o.StartedMillis != 0 {
			running++
		}
	}
	for _, o := range parts {
		if o.State != state.OperationPending || running >= view.Number(state.SettingMoveParallel) || busy[o.Shard] {
			continue
		}
		running++
		busy[o.Shard] = true
		errs = append(errs, r.beginPart(ctx, view, o))
	}
	return errs
}

// beginPart begins a planned move, or ends it if the cluster has changed so that it can't be any more.
func (r *Reconciler) beginPart(ctx context.Context, view *state.View, o state.Operation) error {
	_, s, ok := view.Shard(o.Shard)
	if !ok {
		return nil // it is ended with its index
	}
	next := o
	refusal := placement.Refuse(view, r.cfg.Cluster.Candidates(view), s, o.From, o.Node)
	if refusal == nil {
		next.State, next.Step, next.StartedMillis = state.OperationRunning, StepAdd, r.cfg.Now().UnixMilli()
		next.UpdatedMillis = next.StartedMillis
		b := state.BeginMove{Shard: s.ID, Epoch: s.Epoch, From: o.From, To: o.Node, Operation: next}
		_, err := r.cfg.Cluster.Propose(ctx, b)
		if err == nil {
			r.cfg.Logger.Info("operation begins", "id", o.ID, "shard", s.ID, "from", o.From, "to", o.Node,
				"reason", o.Reason)
			return nil
		}
		if !refused(err) && !errors.Is(err, state.ErrMoving) {
			return fmt.Errorf("begin operation %s: %w", o.ID, err)
		}
		refusal = err
	}
	next = o
	next.State, next.Error = state.OperationFailed, "the cluster has changed: "+refusal.Error()
	return r.note(ctx, o, next)
}

// sum gives a rebalance as its parts have it.
func sum(o state.Operation, parts []state.Operation) state.Operation {
	o.Done, o.Total, o.Bytes, o.TotalBytes = 0, uint64(len(parts)), 0, 0
	failed, done, reason := 0, 0, ""
	for _, p := range parts {
		o.Bytes += p.Bytes
		o.TotalBytes += max(p.TotalBytes, p.Bytes)
		if p.State.Ended() {
			o.Done++
		}
		switch p.State {
		case state.OperationDone:
			done++
		case state.OperationFailed:
			failed++
			reason = p.Error
		}
	}
	switch {
	case o.Done < o.Total:
	case o.State == state.OperationCancelling:
		o.State = state.OperationCancelled
	case failed > 0:
		o.State, o.Error = state.OperationFailed, fmt.Sprintf("%d of %d moves failed: %s", failed, o.Total, reason)
	case done < len(parts):
		o.State, o.Error = state.OperationCancelled, fmt.Sprintf("%d of %d moves were done", done, o.Total)
	default:
		o.State, o.Error = state.OperationDone, ""
	}
	return o
}

// pace pauses a rebalance while searches take longer than their objective, and resumes it when they have not for a
// while.
func (r *Reconciler) pace(ctx context.Context, view *state.View, o state.Operation) error {
	objective := time.Duration(view.Number(state.SettingSearchObjective)) * time.Millisecond
	automatic := o.State == state.OperationPaused && o.PausedBy == state.Automatic
	if o.State != state.OperationRunning && !automatic {
		return nil
	}
	steer := state.SteerOperation{ID: o.ID, By: state.Automatic, Millis: r.cfg.Now().UnixMilli()}
	p95 := time.Duration(0)
	if objective > 0 {
		p95 = r.cfg.Cluster.SearchP95(ctx, view)
	}
	switch {
	case !automatic && p95 > objective && objective > 0:
		steer.Action = state.SteerPause
		r.calmSince = time.Time{}
		r.cfg.Logger.Warn("rebalance pauses: searches take too long", "id", o.ID, "p95", p95, "objective", objective)
	case automatic && r.calm(p95, objective):
		steer.Action = state.SteerResume
		r.cfg.Logger.Info("rebalance goes on", "id", o.ID, "p95", p95, "objective", objective)
	default:
		return nil
	}
	if _, err := r.cfg.Cluster.Propose(ctx, steer); err != nil && !errors.Is(err, state.ErrOperationEnded) {
		return fmt.Errorf("%s operation %s: %w", steer.Action, o.ID, err)
	}
	return nil
}

// calm reports whether searches have been well within their objective for calmTime.
func (r *Reconciler) calm(p95, objective time.Duration) bool {
	now := r.cfg.Now()
	if p95 > objective*calmPercent/100 && objective > 0 {
		r.calmSince = time.Time{}
		return false
	}
	if r.calmSince.IsZero() {
		r.calmSince = now
	}
	return objective == 0 || now.Sub(r.calmSince) >= calmTime
}
