package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// validate refuses what must not reach the log.
func (p *Proposal) validate() error {
	switch {
	case len(p.Payload) > MaxPayload:
		return fmt.Errorf("%w: payload of %d bytes, at most %d", ErrInvalidProposal, len(p.Payload), MaxPayload)
	case p.Flags&^FlagIgnorable != 0:
		return fmt.Errorf("%w: unknown flags %#x", ErrInvalidProposal, p.Flags&^FlagIgnorable)
	case p.MinReader > ReaderVersion:
		return fmt.Errorf("%w: needs reader %d, this program is %d", ErrInvalidProposal, p.MinReader, ReaderVersion)
	}
	return nil
}

// Propose commits one command and returns what Apply returned for it, with the index of its entry. For a duplicate
// these are the first one's, or ErrDuplicate when its result is not known any more.
//
// An error that Is ErrUnknownOutcome means the command may or may not be committed, now or later; after ErrNotLeader,
// ErrInvalidProposal, ErrClosed, and ErrFailed without ErrUnknownOutcome it surely is not. When the context ends
// first, the error is its own with ErrUnknownOutcome.
func (g *Group) Propose(ctx context.Context, p Proposal) (result any, index uint64, err error) {
	if err := p.validate(); err != nil {
		return nil, 0, err
	}
	if err := errors.Join(g.failure.err(), ctx.Err()); err != nil {
		return nil, 0, err
	}
	if g.raft.State() != raft.Leader {
		return nil, 0, ErrNotLeader
	}
	answers, err := g.submit(p)
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	select {
	case a := <-answers:
		g.metrics.propose.Observe(time.Since(began).Seconds())
		return a.result, a.index, a.err
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	case <-g.failure.failed:
		return nil, 0, fmt.Errorf("%w: %w", ErrUnknownOutcome, g.failure.err())
	}
}

// submit hands the command to raft on a goroutine of its own, which lives until raft has answered.
func (g *Group) submit(p Proposal) (<-chan outcome, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return nil, ErrClosed
	}
	g.inflight.Add(1)
	answers := make(chan outcome, 1)
	e := envelope{Proposal: p, stamp: g.stamp()}
	data := e.encode(make([]byte, 0, envelopeHeader+envelopeHash+len(p.Payload)))
	go func() {
		defer g.inflight.Done()
		future := g.raft.ApplyLog(raft.Log{Data: data}, 0)
		answers <- answer(future)
	}()
	return answers, nil
}

// stamp gives the newest state hash, once.
func (g *Group) stamp() checkpoint {
	newest := g.fsm.newest.Load()
	if newest == nil {
		return checkpoint{}
	}
	if before := g.stamped.Load(); newest.index <= before || !g.stamped.CompareAndSwap(before, newest.index) {
		return checkpoint{}
	}
	return *newest
}

// answer waits for raft and sorts its errors by what they say about the command.
func answer(future raft.ApplyFuture) outcome {
	switch err := future.Error(); {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return outcome{err: ErrNotLeader} // refused before it reached the log
	case err != nil:
		return outcome{err: fmt.Errorf("%w: %w", ErrUnknownOutcome, err)}
	}
	got, ok := future.Response().(*outcome)
	switch {
	case !ok:
		return outcome{err: fmt.Errorf("%w: response of type %T", ErrUnknownOutcome, future.Response())}
	case got.err != nil && !errors.Is(got.err, ErrDuplicate):
		return outcome{err: fmt.Errorf("%w: %w", ErrUnknownOutcome, got.err)}
	}
	return *got
}
