package meta

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sagasu/api"
	"sagasu/coordinator/state"
)

// proposer brings a change to whoever leads. Coordinators and followers differ in whom they ask first.
type proposer struct {
	// ask sends a call to one node, which may be this one.
	ask func(ctx context.Context, node string, call proposeCall) (proposeAnswer, error)
	// nodes gives whom to ask, best first.
	nodes func() []string
	after func(time.Duration) <-chan time.Time
}

// Propose brings a change to whoever of the nodes leads, for a node that has no metadata of its own yet. Errors are
// those of Source.
func Propose(ctx context.Context, caller Caller, nodes func() []string, after func(time.Duration) <-chan time.Time,
	change state.Change,
) (state.Result, error) {
	ask := func(ctx context.Context, node string, call proposeCall) (proposeAnswer, error) {
		return remoteAsk(ctx, caller, node, call)
	}
	p := &proposer{ask: ask, nodes: nodes, after: after}
	answer, err := p.propose(ctx, change)
	if err != nil {
		return state.Result{}, err
	}
	r := answer.result()
	return r, r.Err
}

// propose tries until somebody commits the change, refuses it, or ctx ends. The key is the same in every
// try, so that the change is made once.
func (p *proposer) propose(ctx context.Context, c state.Change) (proposeAnswer, error) {
	payload, err := state.Encode(c)
	if err != nil {
		return proposeAnswer{}, err
	}
	call := proposeCall{Payload: payload}
	call.Type, call.Version = state.Kind(c)
	if _, err := rand.Read(call.Key[:]); err != nil {
		return proposeAnswer{}, fmt.Errorf("make idempotency key: %w", err)
	}
	var last error
	unknown := false
	for {
		hint := ""
		for _, node := range p.nodes() {
			answer, err := p.ask(ctx, node, call)
			switch {
			case err != nil:
				last = fmt.Errorf("ask %s: %w", node, err)
				unknown = unknown || !untouched(err)
				continue
			case answer.Outcome == outcomeApplied:
				return answer, nil
			case answer.Outcome == outcomeUnknown:
				unknown = true
			}
			last = fmt.Errorf("%s does not lead: %s", node, answer.Text)
			hint = answer.Leader
			if hint == "" {
				continue
			}
			if answer, err = p.ask(ctx, hint, call); err == nil && answer.Outcome == outcomeApplied {
				return answer, nil
			}
			unknown = unknown || err != nil && !untouched(err) || answer.Outcome == outcomeUnknown
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = ErrNoCoordinator
			}
			kind := api.ErrUnavailable
			if unknown {
				kind = api.ErrUnknownOutcome
			}
			return proposeAnswer{}, fmt.Errorf("change the metadata: %w: %w: %w", kind, ctx.Err(), last)
		case <-p.after(proposePause):
		}
	}
}

// untouched reports whether an error of asking a node says that it has done nothing.
func untouched(err error) bool {
	return errors.Is(err, ErrNoCoordinator) ||
		errors.Is(err, api.ErrUnavailable) && !errors.Is(err, api.ErrUnknownOutcome)
}

const (
	// proposePause is how long a proposal rests when nobody leads: an election takes a few times as long.
	proposePause = 100 * time.Millisecond
	// watchTime is how long a watch waits for a new version before it answers that there is none: short
	// enough for a follower to notice that its coordinator hangs.
	watchTime = 15 * time.Second
	// watchTimeout bounds the call.
	watchTimeout = watchTime + 5*time.Second
	// callTimeout bounds a proposal at one node, a few elections.
	callTimeout = 8 * time.Second
	// maxWatchers bounds the watches that a coordinator holds open: a few for every node there may be.
	maxWatchers = 4096
)
