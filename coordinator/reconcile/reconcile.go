package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
)

// KindRebuild is the kind of operation that gives a shard another replica, or other nodes.
const KindRebuild = "rebuild"

// Cluster is what the loop acts on.
type Cluster interface {
	// View gives the metadata, Leads reports whether this node leads them.
	View() *state.View
	Leads() bool
	// Candidates gives the nodes with what is known of them.
	Candidates(view *state.View) []placement.Candidate
	// Propose commits a change of the metadata.
	Propose(ctx context.Context, c state.Change) (state.Result, error)
	// Settled reports whether the group of a shard has gone along with a change: the node that was added, if
	// any, has a vote, and no member is left that the metadata do not want. An error says that nobody could be
	// asked.
	Settled(ctx context.Context, s state.Shard, added string) (bool, error)
	Generations
	Moves
}

// Generations is what the loop does with generations of vectors.
type Generations interface {
	// Filled asks the leader of each shard of an index; an error if one can't be asked.
	Filled(ctx context.Context, x state.Index) ([]Filled, error)
	// Seen reports whether every node that is alive knows the metadata of a version.
	Seen(ctx context.Context, version uint64) bool
	// Drop removes what a server has of a generation of an index, named by its UUID; nothing if there is no server.
	Drop(ctx context.Context, uuid string, generation int) error
}

// Config configures a Reconciler.
type Config struct {
	Cluster Cluster
	// Every is the time between two turns.
	Every time.Duration
	// Rest is how long searches that are under way have before their vectors are dropped, once every node knows of it;
	// see DefaultRest.
	Rest   time.Duration
	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time
	Logger *slog.Logger
}

// Reconciler runs the loop.
type Reconciler struct {
	cfg Config
	// dropping is what is remembered between turns of the generations to be dropped.
	dropping map[dropKey]*dropping
	// leaving is the same of moves, by operation, whose old replicas are still asked.
	leaving map[string]*dropping
	// calmSince is since when searches have been within their objective; zero if they are not, or nobody looks.
	calmSince time.Time
}

// New makes a Reconciler.
func New(cfg Config) *Reconciler {
	return &Reconciler{cfg: cfg, dropping: map[dropKey]*dropping{}, leaving: map[string]*dropping{}}
}

// Run takes turns until ctx ends.
func (r *Reconciler) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if r.cfg.Cluster.Leads() {
			if err := r.Turn(ctx); err != nil && ctx.Err() == nil {
				r.cfg.Logger.Warn("reconcile the cluster", "error", err)
			}
		}
		select {
		case <-r.cfg.After(r.cfg.Every):
		case <-ctx.Done():
		}
	}
}

// Turn does what there is to do now. It may be called by any node; what two of them propose at once is told
// apart by the shards' epochs.
func (r *Reconciler) Turn(ctx context.Context) error {
	view := r.cfg.Cluster.View()
	busy, errs := r.follow(ctx, view)
	errs = append(errs, r.reembed(ctx, view)...)
	errs = append(errs, r.drop(ctx, view)...)
	moved, moveErrs := r.move(ctx, view)
	errs = append(errs, moveErrs...)
	errs = append(errs, r.drain(ctx, view)...)
	errs = append(errs, r.repair(ctx, view, busy, moved)...)
	errs = append(errs, r.rebalance(ctx, view, moved)...)
	return errors.Join(errs...)
}

// repair begins what brings shards to as many replicas as they shall have. busy are the shards that are repaired by
// now, and moved all that have a move, to which those begun are added.
func (r *Reconciler) repair(ctx context.Context, view *state.View, busy, moved map[string]bool) (errs []error) {
	for _, o := range view.Operations() {
		if o.Kind == KindRebuild && moving(&o) && moved[o.Shard] {
			busy[o.Shard] = true
		}
	}
	for _, c := range placement.Repair(view, r.cfg.Cluster.Candidates(view), view.RebuildGrace()) {
		if len(busy) >= view.RebuildParallel() {
			break
		}
		if busy[c.Shard] || moved[c.Shard] {
			continue
		}
		if err := r.begin(ctx, view, c); err != nil {
			errs = append(errs, err)
		}
		// Also one that failed may have changed the shard.
		busy[c.Shard], moved[c.Shard] = true, true
	}
	return errs
}

// follow ends the operations of clusters below LevelOperations that are done, and gives the shards of those that go on.
func (r *Reconciler) follow(ctx context.Context, view *state.View) (busy map[string]bool, errs []error) {
	busy = map[string]bool{}
	for _, o := range view.Operations() {
		if o.Kind != KindRebuild || o.State.Ended() || o.StartedMillis != 0 {
			continue
		}
		next, err := r.progress(ctx, view, o)
		if err != nil {
			errs = append(errs, err)
		}
		if !next.State.Ended() {
			busy[o.Shard] = true
		}
		if next.State == o.State {
			continue
		}
		next.UpdatedMillis = r.cfg.Now().UnixMilli()
		if _, err := r.cfg.Cluster.Propose(ctx, state.PutOperation{Operation: next}); err != nil &&
			!errors.Is(err, state.ErrOperationEnded) {
			errs = append(errs, fmt.Errorf("note that operation %s is %s: %w", o.ID, next.State, err))
			continue
		}
		if next.State.Ended() {
			r.cfg.Logger.Info("operation ended", "id", o.ID, "state", string(next.State), "reason", o.Reason)
		}
	}
	return busy, errs
}

// progress says how far an operation is.
func (r *Reconciler) progress(ctx context.Context, view *state.View, o state.Operation) (state.Operation, error) {
	_, s, ok := view.Shard(o.Shard)
	switch {
	case !ok:
		o.State, o.Error = state.OperationCancelled, "the index was deleted"
		return o, nil
	case o.State == state.OperationPending && o.Total != s.Epoch:
		return r.resume(s, o), nil
	}
	settled, err := r.cfg.Cluster.Settled(ctx, s, o.Node)
	if err != nil {
		err = fmt.Errorf("follow operation %s: %w", o.ID, err)
	}
	switch {
	case settled:
		o.State, o.Done = state.OperationDone, o.Total
	case r.gone(view, o.Node):
		o.State, o.Error = state.OperationFailed, "node "+o.Node+" went away"
	case o.State == state.OperationPending:
		// Its change is there; whoever made it could not say so.
		o.State = state.OperationRunning
	}
	return o, err
}

// gone reports whether a node has been away for longer than the grace time: another one is planned then.
func (r *Reconciler) gone(view *state.View, node string) bool {
	for _, c := range r.cfg.Cluster.Candidates(view) {
		if c.Node.ID == node {
			return !c.Alive && c.DownFor > view.RebuildGrace()
		}
	}
	return node != ""
}

// resume ends an operation whose change of the metadata was refused or never proposed: a new turn plans
// anew.
func (r *Reconciler) resume(s state.Shard, o state.Operation) state.Operation {
	if r.cfg.Now().Sub(time.UnixMilli(o.CreatedMillis)) > pendingTime || s.Epoch > o.Total {
		o.State, o.Error = state.OperationCancelled, "the shard changed before it began"
	}
	return o
}

// begin notes an operation and makes its change. Total is the epoch that the change gives the shard. The name
// of an operation that ended can't be used again, and a change that was refused is tried anew, so the time is a
// part of it.
func (r *Reconciler) begin(ctx context.Context, view *state.View, c placement.Change) error {
	x, s, ok := view.Shard(c.Shard)
	if !ok {
		return nil
	}
	if view.FeatureLevel() >= state.LevelOperations {
		return r.beginRebuild(ctx, x, s, c)
	}
	now := r.cfg.Now().UnixMilli()
	o := state.Operation{
		ID: operationID(s.ID, now), Kind: KindRebuild, State: state.OperationPending,
		Reason: c.Reason, Index: x.Name, Shard: s.ID, Total: c.Epoch + 1, CreatedMillis: now, UpdatedMillis: now,
	}
	if len(c.Add) > 0 {
		o.Node = c.Add[0]
	}
	if _, err := r.cfg.Cluster.Propose(ctx, state.PutOperation{Operation: o}); err != nil {
		return fmt.Errorf("note operation %s: %w", o.ID, err)
	}
	r.cfg.Logger.Info("operation begins", "id", o.ID, "shard", s.ID, "nodes", c.Nodes, "reason", c.Reason)
	_, err := r.cfg.Cluster.Propose(ctx, state.SetReplicas{Shard: c.Shard, Epoch: c.Epoch, Nodes: c.Nodes})
	switch {
	case err == nil:
		o.State = state.OperationRunning
	case refused(err):
		o.State, o.Error = state.OperationFailed, err.Error()
	default:
		// It may have been made, or may yet be; follow tells by the epoch.
		return fmt.Errorf("change the replicas of shard %s: %w", c.Shard, err)
	}
	o.UpdatedMillis = r.cfg.Now().UnixMilli()
	_, noted := r.cfg.Cluster.Propose(ctx, state.PutOperation{Operation: o})
	if err != nil {
		err = fmt.Errorf("change the replicas of shard %s: %w", c.Shard, err)
	}
	return errors.Join(err, noted)
}

// operationID names an operation of a shard, of which one begins in a millisecond.
func operationID(shard string, millis int64) string {
	return fmt.Sprintf("%s-%.40s-%s", KindRebuild, shard, strconv.FormatInt(millis, 36))
}

// refused reports whether an error of SetReplicas says that the metadata stay as they are.
func refused(err error) bool {
	for _, refusal := range []error{
		state.ErrEpoch, state.ErrShardNotFound, state.ErrNotFounded, state.ErrNodeNotFound, state.ErrInvalid,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
