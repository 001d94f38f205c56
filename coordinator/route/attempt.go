package route

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sagasu/coordinator/query"
)

// ask sends a call to a replica.
type ask[T any] func(context.Context, Replica, Call) (T, Mark, error)

// attempt is a call to one copy.
type attempt struct {
	router *Router
	kind   kind
	copied Copy
	shard  string
	node   *node
	state  *copyState
	start  time.Time
	hedge  bool
	trial  trial
}

// outcome is how an attempt ended.
type outcome[T any] struct {
	*attempt
	value T
	mark  Mark
	err   error
	took  time.Duration
}

// reply is what a replica gives.
type reply[T any] struct {
	value T
	mark  Mark
}

// noted keeps what the end tells of the node and the copy.
func (a *attempt) noted(ctx context.Context, err error, mark Mark, took time.Duration) {
	now := a.start.Add(took)
	_, stale := staleEpoch(err)
	switch {
	case err == nil:
		a.state.reached(mark.Applied)
		a.node.answered(a.state, a.kind, max(took, 1), now)
	case ctx.Err() != nil:
		a.node.abandoned(a.state, a.kind, took, a.trial, now)
	case query.Final(err), stale:
		a.node.answered(a.state, a.kind, 0, now)
	default:
		if a.node.failed(a.state, a.router.nodeFailed(err), now) {
			a.avoided(a.router.reason(err))
		}
	}
}

// avoided logs that a copy in order so far is not asked for a while.
func (a *attempt) avoided(reason string) {
	level := slog.LevelWarn
	if reason == reasonSlow {
		level = slog.LevelDebug // it may be again and again, and another copy has answered
	}
	a.router.cfg.Logger.Log(context.Background(), level, "copy is avoided", "shard", a.shard, "node", a.copied.Node,
		"reason", reason)
}

// run sends the call and waits for its end.
func run[T any](ctx context.Context, a *attempt, f ask[T], call Call) outcome[T] {
	answer, err := query.Contain(func() (reply[T], error) {
		value, mark, err := f(ctx, a.copied.Replica, call)
		return reply[T]{value, mark}, err
	})
	took := a.router.cfg.Now().Sub(a.start)
	a.noted(ctx, err, answer.mark, took)
	if err != nil {
		err = fmt.Errorf("ask copy of shard %s on node %s: %w", a.shard, a.copied.Node, err)
	}
	return outcome[T]{attempt: a, value: answer.value, mark: answer.mark, err: err, took: took}
}
