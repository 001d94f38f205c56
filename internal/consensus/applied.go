package consensus

import (
	"context"
	"errors"

	"github.com/hashicorp/raft"
)

// WaitApplied returns nil once this replica has applied the entry at index, and all before it; otherwise ErrFailed,
// ErrClosed or the context's error.
func (g *Group) WaitApplied(ctx context.Context, index uint64) error {
	for {
		if g.AppliedIndex() >= index {
			return nil
		}
		if g.passed() >= index {
			return nil
		}
		slice, cancel := context.WithTimeout(ctx, passedEvery)
		err := g.fsm.applied.wait(slice, index, g.failure)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case g.ctx.Err() != nil:
			return ErrClosed
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
}

// passed is the index up to which nothing is left for the machine: AppliedIndex, or a later one where only entries
// follow that are raft's own, which the machine is never told of.
func (g *Group) passed() uint64 {
	applied, sent := g.AppliedIndex(), g.raft.AppliedIndex()
	for index := applied + 1; index <= sent; index++ {
		var log raft.Log
		err := g.guard.store.GetLog(index, &log)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue // only what is applied is ever compacted
		}
		if err != nil || log.Type == raft.LogCommand || log.Type == raft.LogConfiguration {
			return index - 1
		}
	}
	return max(applied, sent)
}
