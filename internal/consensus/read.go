package consensus

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"
)

// verdict is what a round of verification found.
type verdict struct {
	index uint64 // to be applied before reading
	err   error
}

// ReadBarrier returns once a read of the local machine is linearizable: it sees every command that was acknowledged
// before the call. Otherwise ErrNotLeader, ErrFailed, ErrClosed or the context's error.
//
// It needs an entry committed in this term, so that the commit index is a leader's; records that index; has a majority
// confirm the leadership; checks that the term is still the same; and waits until the index is applied. Concurrent
// calls share a round that begins after each of them. A lone voter needs no round, and does not wait for its disk.
func (g *Group) ReadBarrier(ctx context.Context) error {
	round := make(chan verdict, 1)
	select {
	case g.reads <- round:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.failure.failed:
		return g.failure.err()
	case <-g.ctx.Done():
		return ErrClosed
	}
	select {
	case v := <-round:
		if v.err != nil {
			return v.err
		}
		return g.fsm.applied.wait(ctx, v.index, g.failure)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serveReads answers all who wait with one round, then the next.
func (g *Group) serveReads() {
	for {
		var waiting []chan verdict
		select {
		case <-g.ctx.Done():
			return
		case <-g.failure.failed:
			return
		case round := <-g.reads:
			waiting = append(waiting, round)
		}
		for more := true; more; {
			select {
			case round := <-g.reads:
				waiting = append(waiting, round)
			default:
				more = false
			}
		}
		v := g.verify()
		for _, round := range waiting {
			round <- v
		}
	}
}

// verify is one round.
func (g *Group) verify() verdict {
	ready, ok := g.leadership()
	if !ok {
		return verdict{err: ErrNotLeader}
	}
	index := g.raft.CommitIndex()
	if !g.alone() {
		if err := g.await(g.ctx, g.raft.VerifyLeader()); err != nil {
			return verdict{err: fmt.Errorf("%w: %w", ErrNotLeader, err)}
		}
	}
	if again, ok := g.leadership(); !ok || again != ready {
		return verdict{err: ErrNotLeader}
	}
	if index <= ready.index {
		return verdict{} // applied when this leader settled
	}
	return verdict{index: index}
}

// alone tells whether this replica is the only voter: nobody can then lead without its vote, which would have raised
// its term.
func (g *Group) alone() bool {
	voters, self := 0, false
	for _, s := range g.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			voters++
			self = self || s.ID == raft.ServerID(g.cfg.ID)
		}
	}
	return voters == 1 && self
}
