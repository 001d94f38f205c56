package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/internal/consensus"
)

// catchUp closes caughtUp once this replica has applied everything that was committed when it was opened:
// what it would answer before could lack acknowledged writes.
func (r *Replica) catchUp(ctx context.Context) {
	for {
		if err := r.reachLeader(ctx); err == nil {
			close(r.caughtUp)
			return
		}
		select {
		case <-r.cfg.After(catchUpPause):
		case <-r.Failed():
			return
		case <-ctx.Done():
			return
		}
	}
}

// reachLeader returns nil when this replica has applied what was committed when it asked its leader.
func (r *Replica) reachLeader(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	err := r.group.ReadBarrier(ctx)
	if !errors.Is(err, consensus.ErrNotLeader) {
		return err
	}
	leader, known := r.group.Leader()
	if !known || leader == r.cfg.Node || r.cfg.Network == nil {
		return fmt.Errorf("group %s has no leader: %w", r.cfg.Shard, ErrLagging)
	}
	stats, err := r.cfg.Network.Status(ctx, leader, r.cfg.Shard)
	if err != nil {
		return fmt.Errorf("ask the leader of group %s: %w", r.cfg.Shard, err)
	}
	index, err := committed(stats, r.group.Term())
	if err != nil {
		return fmt.Errorf("ask the leader of group %s: %w", r.cfg.Shard, err)
	}
	return r.group.WaitApplied(ctx, index)
}

// committed gives an index that covers all that was committed when a leader was asked: the end of its log. One that
// has just been elected has everything in its log, but knows of nothing yet that it is committed, and may have
// applied nothing since it was started itself. ErrLagging if it does not lead, or not in the term that the asking
// replica knows.
func committed(leader consensus.Stats, term uint64) (uint64, error) {
	if leader.State != "Leader" || leader.Term < term {
		return 0, fmt.Errorf("it is %s in term %d, this is term %d: %w", leader.State, leader.Term, term, ErrLagging)
	}
	return max(leader.AppliedIndex, leader.LastIndex), nil
}

// Ready is nil if the replica can serve searches: it has not failed, and has caught up with its group
// since it was opened. It waits for that as long as ctx lasts.
func (r *Replica) Ready(ctx context.Context) error {
	select {
	case <-r.caughtUp:
	case <-r.Failed():
	case <-ctx.Done():
		return fmt.Errorf("shard %s of index %q has not caught up yet: %w: %w", r.cfg.Shard, r.cfg.Name, ErrLagging,
			ctx.Err())
	}
	return r.Err()
}

// CaughtUp reports whether the replica has caught up with its group since it was opened.
func (r *Replica) CaughtUp() bool {
	select {
	case <-r.caughtUp:
		return true
	default:
		return false
	}
}

// AwaitIndex returns when this replica shows everything up to a log index, 0 for what it has. It waits
// for at most maxLagWait, since another replica may be there already, and returns ErrLagging then.
func (r *Replica) AwaitIndex(ctx context.Context, index uint64) error {
	select {
	case <-r.caughtUp:
		if index <= r.group.AppliedIndex() {
			return r.Err()
		}
	default:
	}
	wait, cancel := context.WithTimeout(ctx, maxLagWait)
	defer cancel()
	if err := r.Ready(wait); err != nil {
		return err
	}
	err := r.group.WaitApplied(wait, index)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		if r.neverWas(wait, index) {
			return nil
		}
		return fmt.Errorf("shard %s is at entry %d, %d is asked for: %w", r.cfg.Shard, r.group.AppliedIndex(), index,
			ErrLagging)
	}
	return translate(err)
}

// neverWas reports whether a log index is beyond what the group has: it was told by a log that is lost, of a
// group that went on from one copy. A leader has everything that was acknowledged.
func (r *Replica) neverWas(ctx context.Context, index uint64) bool {
	if !r.group.IsLeader() || index <= r.group.Stats().LastIndex {
		return false
	}
	confirm, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxLagWait)
	defer cancel()
	return r.group.ReadBarrier(confirm) == nil
}

// Applied is the log index up to which this replica shows everything.
func (r *Replica) Applied() uint64 { return r.group.AppliedIndex() }

// Leadership tells who leads the group as far as this replica knows ("" for nobody), in which term, and
// whether it is this replica and ready to take writes.
func (r *Replica) Leadership() (leader string, term uint64, here bool) {
	leader, _ = r.group.Leader()
	return leader, r.group.Term(), r.group.IsLeader()
}

// Group is the replica's consensus group, for whoever changes its membership.
func (r *Replica) Group() *consensus.Group { return r.group }

const (
	// catchUpPause is how long a replica that could not reach its leader waits before it tries again.
	catchUpPause = 50 * time.Millisecond
	// catchUpTimeout bounds one try.
	catchUpTimeout = 10 * time.Second
	// maxLagWait is how long a read waits for a replica to apply what it asks for: a few times as long as
	// followers take to learn of a commit.
	maxLagWait = 250 * time.Millisecond
)
