package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
)

// KindMove is the kind of operation that brings a shard's replica from one node to another.
const KindMove = "move"

// The steps of a move, in their order.
const (
	// StepAdd makes the new replica a member of the group, without a vote.
	StepAdd = "add"
	// StepCopy copies files, StepCatchUp applies what was written since.
	StepCopy    = "copy"
	StepCatchUp = "catch up"
	// StepPromote gives it its vote.
	StepPromote = "promote"
	// StepReaders waits for those who still ask the old one. Searches go to the new one.
	StepReaders = "let readers end"
	// StepRemove takes the old one out of the group, and removes its files.
	StepRemove = "remove"
)

// Moves is what the loop asks of groups while replicas are moved.
type Moves interface {
	// Group tells how a shard's group is, and its replica on a node, which may be none; an error if neither the leader
	// nor the node could be asked.
	Group(ctx context.Context, s state.Shard, node string) (Group, error)
	// SearchP95 gives the 95th percentile of the searches of the slowest front end lately; 0 if there were too few.
	SearchP95(ctx context.Context, view *state.View) time.Duration
	// Leads tells how many groups a node leads, and how many calls to it are under way; an error if it does not answer.
	Busy(ctx context.Context, node string) (leads, inFlight int, err error)
}

// Group is how a shard's group is, and its replica on one node.
type Group struct {
	// Led tells that its leader answered; Member and Voter that the node belongs to it; Settled that its members are
	// those which the metadata want, each with a vote.
	Led, Member, Voter, Settled bool
	// Serving tells that the node's replica answers searches, Gone that the node has none.
	Serving, Gone bool
	// Copied of ToCopy bytes have come to the node.
	Copied, ToCopy uint64
}

// moving reports whether an operation is a move, of whatever kind.
func moving(o *state.Operation) bool {
	return !o.State.Ended() && o.Shard != "" && (o.Kind == KindMove || o.Kind == KindRebuild && o.StartedMillis != 0)
}

// move brings the moves on, and gives the shards that have one.
func (r *Reconciler) move(ctx context.Context, view *state.View) (busy map[string]bool, errs []error) {
	busy = map[string]bool{}
	here := map[string]bool{}
	for _, o := range view.Operations() {
		if !moving(&o) {
			continue
		}
		here[o.ID] = true
		next, err := r.advance(ctx, view, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("operation %s: %w", o.ID, err))
		}
		if !next.State.Ended() && next.StartedMillis != 0 {
			busy[o.Shard] = true
		}
		errs = append(errs, r.note(ctx, o, next))
	}
	for id := range r.leaving {
		if !here[id] {
			delete(r.leaving, id)
		}
	}
	return busy, errs
}

// note puts an operation into the metadata if it has changed: its progress alone only now and then.
func (r *Reconciler) note(ctx context.Context, o, next state.Operation) error {
	if next == o || next.State == o.State && next.Step == o.Step && next.Error == o.Error && !r.due(o) {
		return nil
	}
	next.UpdatedMillis = r.cfg.Now().UnixMilli()
	if _, err := r.cfg.Cluster.Propose(ctx, state.PutOperation{Operation: next}); err != nil &&
		!errors.Is(err, state.ErrOperationEnded) {
		return fmt.Errorf("note that operation %s is %s: %w", o.ID, next.State, err)
	}
	if next.State.Ended() {
		r.cfg.Logger.Info("operation ended", "id", o.ID, "state", string(next.State), "reason", o.Reason,
			"error", next.Error)
	}
	return nil
}

// advance takes the next step of a move, and says what it has come to. Every step follows from the metadata and the
// group alone, so that whoever leads next goes on.
func (r *Reconciler) advance(ctx context.Context, view *state.View, o state.Operation) (state.Operation, error) {
	_, s, ok := view.Shard(o.Shard)
	switch {
	case !ok:
		o.State, o.Error = state.OperationCancelled, "the index was deleted"
		return o, nil
	case s.Move != nil && s.Move.Operation == o.ID && s.Move.Switched:
		return r.leave(ctx, view, s, o)
	case s.Move != nil && s.Move.Operation == o.ID:
		return r.arrive(ctx, view, s, o)
	case o.StartedMillis == 0 && o.State == state.OperationCancelling:
		o.State = state.OperationCancelled
		return o, nil
	case o.StartedMillis == 0:
		return o, nil // planned
	}
	return r.finish(ctx, view, s, o)
}

// arrive looks how far the new replica is, and lets searches go to it when it has all there is.
func (r *Reconciler) arrive(ctx context.Context, view *state.View, s state.Shard, o state.Operation) (
	state.Operation, error,
) {
	why := r.unfit(view, s.Move.To)
	switch {
	case o.State == state.OperationCancelling || why != "":
		if _, err := r.cfg.Cluster.Propose(ctx, state.RevertMove{Shard: s.ID, Operation: o.ID}); err != nil {
			return o, err
		}
		if why != "" && o.State != state.OperationCancelling {
			o.State, o.Error = state.OperationFailed, why
		}
		return o, nil
	case o.State == state.OperationPaused:
		return o, nil
	}
	g, err := r.cfg.Cluster.Group(ctx, s, s.Move.To)
	if err != nil {
		o.Error = err.Error()
		return o, nil
	}
	o.State, o.Error = state.OperationRunning, ""
	if g.ToCopy > 0 {
		o.Bytes, o.TotalBytes = g.Copied, g.ToCopy
	}
	switch {
	case !g.Led:
		o.Error = "nobody leads the shard"
	case !g.Member:
		o.Step = StepAdd
	case g.Copied < g.ToCopy:
		o.Step = StepCopy
	case !g.Serving:
		o.Step = StepCatchUp
	case !g.Voter:
		o.Step = StepPromote
	default:
		if _, err := r.cfg.Cluster.Propose(ctx, state.SwitchMove{Shard: s.ID, Operation: o.ID}); err != nil {
			return o, err
		}
		if o.Step = StepReaders; o.From == "" {
			o.Step = StepRemove
		}
	}
	return o, nil
}

// unfit says why a node can't get the replica that is on its way to it; empty if it can.
func (r *Reconciler) unfit(view *state.View, node string) string {
	n, known := view.Node(node)
	switch {
	case !known || n.State == state.NodeRemoved:
		return "node " + node + " was removed"
	case n.Drain != nil:
		return "node " + node + " is being drained"
	case r.gone(view, node):
		return "node " + node + " went away"
	}
	return ""
}

// leave waits for those who still ask the old replica, and lets it go. Before that the move can be undone.
func (r *Reconciler) leave(ctx context.Context, view *state.View, s state.Shard, o state.Operation) (
	state.Operation, error,
) {
	switch {
	case o.State == state.OperationCancelling && !s.Move.Back:
		delete(r.leaving, o.ID)
		_, err := r.cfg.Cluster.Propose(ctx, state.RevertMove{Shard: s.ID, Operation: o.ID})
		return o, err
	case o.State == state.OperationPaused:
		return o, nil
	}
	d := r.leaving[o.ID]
	if d == nil {
		d = &dropping{version: view.Version(), since: r.cfg.Now()}
		r.leaving[o.ID] = d
	}
	o.Step = StepReaders
	if !r.rested(ctx, d) {
		return o, nil
	}
	if _, err := r.cfg.Cluster.Propose(ctx, state.EndMove{Shard: s.ID, Operation: o.ID}); err != nil {
		return o, err
	}
	delete(r.leaving, o.ID)
	o.Step = StepRemove
	return o, nil
}

// finish ends a move when the group has gone along with it, and the replica that is not wanted any more is gone.
func (r *Reconciler) finish(ctx context.Context, view *state.View, s state.Shard, o state.Operation) (
	state.Operation, error,
) {
	moved := slices.Contains(s.Nodes, o.Node)
	if o.Node == "" {
		moved = !slices.Contains(s.Nodes, o.From)
	}
	left := o.From
	if !moved {
		left = o.Node
	}
	if !r.left(ctx, view, s, left) {
		if moved {
			o.Step = StepRemove
		}
		return o, nil
	}
	switch {
	case moved:
		o.State, o.Error, o.Bytes = state.OperationDone, "", o.TotalBytes
	case o.State == state.OperationCancelling:
		o.State, o.Error = state.OperationCancelled, ""
	default:
		o.State, o.Error = state.OperationFailed, "it was brought back"
	}
	return o, nil
}

// left reports whether nothing of a shard is left on a node, if it can be asked, and its group is as wanted.
func (r *Reconciler) left(ctx context.Context, view *state.View, s state.Shard, node string) bool {
	if slices.Contains(s.Members(), node) {
		return true // it came back by another move
	}
	g, err := r.cfg.Cluster.Group(ctx, s, node)
	return err == nil && (g.Settled || s.Move != nil) && (g.Gone || node == "" || !r.alive(view, node))
}

func (r *Reconciler) alive(view *state.View, node string) bool {
	return slices.ContainsFunc(r.cfg.Cluster.Candidates(view), func(c placement.Candidate) bool {
		return c.Node.ID == node && c.Alive
	})
}

// beginRebuild notes an operation and begins its move, both or none.
func (r *Reconciler) beginRebuild(ctx context.Context, x state.Index, s state.Shard, c placement.Change) error {
	now := r.cfg.Now().UnixMilli()
	o := state.Operation{
		ID: operationID(s.ID, now), Kind: KindRebuild, State: state.OperationRunning, Reason: c.Reason, Index: x.Name,
		Shard: s.ID, Step: StepAdd, RequestedBy: state.Automatic, CreatedMillis: now, UpdatedMillis: now,
		StartedMillis: now,
	}
	if len(c.Add) > 0 {
		o.Node = c.Add[0]
	}
	if len(c.Remove) > 0 {
		o.From = c.Remove[0]
	}
	b := state.BeginMove{Shard: s.ID, Epoch: c.Epoch, From: o.From, To: o.Node, Operation: o}
	if _, err := r.cfg.Cluster.Propose(ctx, b); err != nil {
		return fmt.Errorf("begin operation %s: %w", o.ID, err)
	}
	r.cfg.Logger.Info("operation begins", "id", o.ID, "shard", s.ID, "nodes", c.Nodes, "reason", c.Reason)
	return nil
}
