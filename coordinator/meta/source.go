package meta

import (
	"context"
	"errors"
	"fmt"

	"sagasu/coordinator/state"
)

// Caller carries a request to another node and gives its answer.
type Caller interface {
	Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error)
}

// Source is the metadata as one node has it. Its methods may be called concurrently.
type Source interface {
	// View gives the newest version that this node holds.
	View() *state.View
	// Changed gives a channel that is closed when a newer version comes. Take it before View, so that
	// nothing is missed in between.
	Changed() <-chan struct{}
	// Propose commits a change and returns when this node's View shows it. A refusal is the sentinel of
	// package state; api.ErrUnavailable if no leader was found in time, api.ErrUnknownOutcome if the
	// change may or may not come.
	Propose(ctx context.Context, c state.Change) (state.Result, error)
	// Sync returns when this node's View is not older than what was committed before the call.
	Sync(ctx context.Context) error
	// Current reports whether the View is known to have been the newest at some moment since the node
	// started: before that, what it lacks may only be missing here.
	Current() bool
}

// await returns when the source shows a version.
func await(ctx context.Context, s Source, version uint64) error {
	for {
		changed := s.Changed()
		if s.View().Applied() >= version || s.View().Version() >= version {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for version %d of the metadata: %w", version, ctx.Err())
		}
	}
}

// Methods of calls between nodes; numbers are never used again for something else.
const (
	MethodPropose uint16 = 0x0301
	MethodWatch   uint16 = 0x0302
	MethodSync    uint16 = 0x0303
	MethodFound   uint16 = 0x0304
	MethodSeen    uint16 = 0x0305
)

// Handle is how a room below registers what answers a method.
type Handle func(method uint16, h func(ctx context.Context, body, dst []byte) ([]byte, error))

var (
	// ErrProtocol is returned when a call or its answer can't be understood.
	ErrProtocol = errors.New("malformed metadata call")
	// ErrNoCoordinator is returned when no coordinator is known or answers.
	ErrNoCoordinator = errors.New("no coordinator answers")
)
