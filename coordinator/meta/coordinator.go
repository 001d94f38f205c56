package meta

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sagasu/coordinator/fsm"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

// Coordinator is the metadata on a node that has a replica of it.
type Coordinator struct {
	self string
	// parts are replaced when the group had to be opened anew.
	parts atomic.Pointer[Parts]
	// status asks another coordinator's group how far it is; nil for a coordinator on its own.
	network  *consensus.Network
	name     string
	caller   Caller
	proposer proposer
	watchers atomic.Int64
	current  atomic.Bool
}

// Parts are a raft group and the state machine that it applies to.
type Parts struct {
	FSM   *fsm.FSM
	Group *consensus.Group
}

// CoordinatorConfig configures a Coordinator.
type CoordinatorConfig struct {
	// Self is the node's id.
	Self string
	// Parts is the raft group, Name its name.
	Parts Parts
	Name  string
	// Network connects the group, Caller the nodes; both nil for a coordinator on its own.
	Network *consensus.Network
	Caller  Caller
	After   func(time.Duration) <-chan time.Time
}

// NewCoordinator makes the metadata of a coordinator.
func NewCoordinator(cfg CoordinatorConfig) *Coordinator {
	c := &Coordinator{
		self: cfg.Self, name: cfg.Name, network: cfg.Network, caller: cfg.Caller,
	}
	c.parts.Store(&cfg.Parts)
	c.proposer = proposer{ask: c.ask, nodes: func() []string { return []string{c.self} }, after: cfg.After}
	return c
}

var _ Source = (*Coordinator)(nil)

// Parts gives the present group and its state machine.
func (c *Coordinator) Parts() Parts { return *c.parts.Load() }

// Replace puts a group that was opened anew in the place of the one before, and wakes who waits for a change.
func (c *Coordinator) Replace(p Parts) { c.parts.Swap(&p).FSM.Wake() }

func (c *Coordinator) fsm() *fsm.FSM { return c.parts.Load().FSM }

func (c *Coordinator) group() *consensus.Group { return c.parts.Load().Group }

// View implements Source.
func (c *Coordinator) View() *state.View { return c.fsm().View() }

// Changed implements Source.
func (c *Coordinator) Changed() <-chan struct{} { return c.fsm().Changed() }

// Current implements Source.
func (c *Coordinator) Current() bool { return c.current.Load() }

// Propose implements Source.
func (c *Coordinator) Propose(ctx context.Context, change state.Change) (state.Result, error) {
	answer, err := c.proposer.propose(ctx, change)
	if err != nil {
		return state.Result{}, err
	}
	r := answer.result()
	// A refusal is an entry too, but no new version of the view.
	if err := c.group().WaitApplied(ctx, answer.Index); err != nil {
		return r, fmt.Errorf("wait for entry %d of the metadata: %w", answer.Index, err)
	}
	return r, r.Err
}

// Sync implements Source.
func (c *Coordinator) Sync(ctx context.Context) error {
	applied, err := c.applied(ctx)
	if err != nil {
		return fmt.Errorf("read the metadata: %w", err)
	}
	if err := c.group().WaitApplied(ctx, applied); err != nil {
		return fmt.Errorf("read the metadata: %w", err)
	}
	c.current.Store(true)
	return nil
}

// applied gives an index that covers all that was committed before the call.
func (c *Coordinator) applied(ctx context.Context) (uint64, error) {
	err := c.group().ReadBarrier(ctx)
	if err == nil {
		return c.group().AppliedIndex(), nil
	}
	if !errors.Is(err, consensus.ErrNotLeader) {
		return 0, err
	}
	leader, ok := c.group().Leader()
	if !ok || leader == c.self || c.caller == nil {
		return 0, ErrNoCoordinator
	}
	body, err := encode(struct{}{})
	if err != nil {
		return 0, err
	}
	data, err := c.caller.Call(ctx, leader, MethodSync, body)
	if err != nil {
		return 0, err
	}
	var answer syncAnswer
	return answer.Applied, errors.Join(decode(data, &answer))
}

// ask proposes here, or at another coordinator.
func (c *Coordinator) ask(ctx context.Context, node string, call proposeCall) (proposeAnswer, error) {
	if node == c.self {
		return c.commit(ctx, call)
	}
	call.Forwarded = true
	return remoteAsk(ctx, c.caller, node, call)
}

func remoteAsk(ctx context.Context, caller Caller, node string, call proposeCall) (proposeAnswer, error) {
	if caller == nil {
		return proposeAnswer{}, ErrNoCoordinator
	}
	body, err := encode(call)
	if err != nil {
		return proposeAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := caller.Call(ctx, node, MethodPropose, body)
	if err != nil {
		return proposeAnswer{}, err
	}
	var answer proposeAnswer
	return answer, errors.Join(decode(data, &answer))
}

// commit proposes to this node's group.
func (c *Coordinator) commit(ctx context.Context, call proposeCall) (proposeAnswer, error) {
	result, index, err := c.group().Propose(ctx, consensus.Proposal{
		Type: call.Type, Version: call.Version, MinReader: consensus.ReaderVersion, Key: call.Key, Payload: call.Payload,
	})
	leader, _ := c.group().Leader()
	switch {
	case errors.Is(err, consensus.ErrDuplicate):
		// The change is there; its result was forgotten by a restart. All changes tell a retry apart.
		return proposeAnswer{Outcome: outcomeApplied, Index: index, Changed: true}, nil
	case errors.Is(err, consensus.ErrInvalidProposal):
		return answerOf(state.Result{Err: fmt.Errorf("%w: %w", state.ErrInvalid, err)}, 0), nil
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return proposeAnswer{Outcome: outcomeUnknown, Leader: leader, Text: err.Error()}, nil
	case err != nil:
		if leader == c.self {
			leader = ""
		}
		return proposeAnswer{Outcome: outcomeNotLeader, Leader: leader, Text: err.Error()}, nil
	}
	r, ok := result.(state.Result)
	if !ok {
		return proposeAnswer{}, fmt.Errorf("change the metadata: result of type %T: %v", result, result)
	}
	answer := answerOf(r, index)
	answer.Version = c.fsm().View().Version()
	return answer, nil
}

// Register makes a coordinator answer the calls of other nodes.
func (c *Coordinator) Register(handle Handle) {
	handle(MethodPropose, func(ctx context.Context, body, dst []byte) ([]byte, error) {
		var call proposeCall
		if err := decode(body, &call); err != nil {
			return nil, err
		}
		answer, err := c.commit(ctx, call)
		if err != nil {
			return nil, err
		}
		return appendAnswer(dst, answer)
	})
	handle(MethodSync, func(ctx context.Context, _, dst []byte) ([]byte, error) {
		if err := c.group().ReadBarrier(ctx); err != nil {
			return nil, err
		}
		applied, view := c.group().AppliedIndex(), c.fsm().View()
		return appendAnswer(dst, syncAnswer{applied, view.Version(), view.ClusterID()})
	})
	handle(MethodWatch, c.watch)
}

func appendAnswer(dst []byte, v any) ([]byte, error) {
	data, err := encode(v)
	return append(dst, data...), err
}

// watch answers with the encoded view as soon as it is newer than what the caller has, with nothing after
// a while. A coordinator that knows no leader then says so: another may know what it doesn't.
func (c *Coordinator) watch(ctx context.Context, body, dst []byte) ([]byte, error) {
	var call watchCall
	if err := decode(body, &call); err != nil {
		return nil, err
	}
	defer c.watchers.Add(-1)
	if c.watchers.Add(1) > maxWatchers {
		return nil, fmt.Errorf("%d watches are open", maxWatchers)
	}
	ctx, cancel := context.WithTimeout(ctx, watchTime)
	defer cancel()
	for {
		changed := c.fsm().Changed()
		if v := c.fsm().View(); v.Version() > call.Above {
			data, err := v.Encode()
			return append(append(dst, protocolVersion), data...), err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if _, led := c.group().Leader(); !led {
				return nil, fmt.Errorf("watch the metadata: %w: no leader is known to %s", ErrNoCoordinator, c.self)
			}
			return append(dst, protocolVersion), nil
		}
	}
}
