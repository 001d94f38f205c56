package shard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// Latest as a call's MinIndex asks the leader for everything that was acknowledged before the call: a
// linearizable read.
const Latest = ^uint64(0)

// Replica gives this node's replica of a shard, for callers in this process and, through package rpc, for
// others: *rpc.NoShardError if there is none.
func (h *Host) Replica(shard string) (rpc.Replica, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := h.shards[shard]
	if s == nil {
		return nil, &rpc.NoShardError{Shard: shard, Version: h.version}
	}
	return local{s}, nil
}

// local answers calls to a replica of this node.
type local struct{ *hosted }

var _ rpc.Replica = local{}

// entered is a call under way.
type entered struct {
	*replica.Replica
	ctx   context.Context
	leave func()
	want  Assignment
	began time.Time
}

// enter begins a call: the replica is open, not of an older epoch than the call's, and has applied what
// the call asks for.
func (l local) enter(ctx context.Context, call rpc.Call) (*entered, error) {
	e, err := l.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	if call.MinIndex == Latest {
		err = e.Group().ReadBarrier(e.ctx)
		if errors.Is(err, consensus.ErrNotLeader) {
			err = e.notLeader()
		}
	} else {
		err = e.AwaitIndex(e.ctx, call.MinIndex)
	}
	if err != nil {
		err = l.explain(ctx, e, err)
		e.leave()
		return nil, err
	}
	return e, nil
}

// explain gives an error of a call the meaning that callers know: a replica that is being closed ends its
// calls although their callers have not left, and one that failed refuses them; another may do better.
func (l local) explain(ctx context.Context, e *entered, err error) error {
	failed := e.Err()
	switch {
	case ctx.Err() != nil, errors.Is(err, api.ErrUnavailable):
		return err
	case e.ctx.Err() != nil:
		return fmt.Errorf("shard %s: %w: %w", l.id, api.ErrUnavailable, errNotOpen)
	case failed != nil && errors.Is(err, failed), errors.Is(err, consensus.ErrFailed), errors.Is(err, consensus.ErrClosed):
		return fmt.Errorf("shard %s: %w: %w", l.id, api.ErrUnavailable, err)
	}
	return err
}

// begin is enter without regard to what is applied.
func (l local) begin(ctx context.Context, call rpc.Call) (*entered, error) {
	open, want, trouble := l.lease()
	if call.Epoch != 0 && want.Epoch > call.Epoch {
		return nil, &rpc.EpochError{Epoch: want.Epoch}
	}
	began := l.host.cfg.Now()
	if open != nil {
		if ctx, leave, ok := open.enter(ctx); ok {
			l.host.calls.Add(1)
			left := func() { l.host.calls.Add(-1); leave() }
			return &entered{Replica: open.replica, ctx: ctx, leave: left, want: want, began: began}, nil
		}
		trouble = errNotOpen
	}
	return nil, fmt.Errorf("shard %s: %w: %w", l.id, api.ErrUnavailable, trouble)
}

func (e *entered) notLeader() error {
	leader, term, _ := e.Leadership()
	return &rpc.NotLeaderError{Leader: leader, Term: term}
}

// mark describes the replica; applied must have been read before the answer was made.
func (l local) mark(e *entered, applied uint64) rpc.Mark {
	return rpc.Mark{
		Applied: applied, Epoch: e.want.Epoch, ServiceMicros: uint64(l.host.cfg.Now().Sub(e.began).Microseconds()),
	}
}

// read runs a reading call.
func read[T any](ctx context.Context, l local, call rpc.Call, f func(*entered) (T, error)) (T, rpc.Mark, error) {
	var none T
	e, err := l.enter(ctx, call)
	if err != nil {
		return none, rpc.Mark{}, err
	}
	defer e.leave()
	l.reads.count(e.began)
	applied := e.Applied()
	value, err := f(e)
	if err != nil {
		return none, rpc.Mark{}, l.explain(ctx, e, err)
	}
	return value, l.mark(e, applied), nil
}

// delay waits as long as tests ask for.
func (l local) delay(ctx context.Context) error {
	if l.host.cfg.SearchDelay == 0 {
		return nil
	}
	select {
	case <-l.host.cfg.After(l.host.cfg.SearchDelay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type sparseAnswer struct {
	top   sparse.TopDocs
	stats sparse.Statistics
}

// SearchSparse implements rpc.Searching.
func (l local) SearchSparse(ctx context.Context, call rpc.Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, rpc.Mark, error) {
	a, mark, err := read(ctx, l, call, func(e *entered) (a sparseAnswer, err error) {
		if err := l.delay(e.ctx); err != nil {
			return a, err
		}
		a.top, a.stats, err = e.SearchSparse(e.ctx, req, want)
		return a, err
	})
	return a.top, a.stats, mark, err
}

// Statistics implements rpc.Searching.
func (l local) Statistics(ctx context.Context, call rpc.Call, terms []sparse.TermKey,
) (sparse.Statistics, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) (sparse.Statistics, error) { return e.Statistics(terms) })
}

// SearchDense implements rpc.Searching.
func (l local) SearchDense(ctx context.Context, call rpc.Call, req replica.DenseRequest,
) (replica.DenseResult, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) (replica.DenseResult, error) { return e.SearchDense(e.ctx, req) })
}

// Fetch implements rpc.Searching.
func (l local) Fetch(ctx context.Context, call rpc.Call, ids []string) ([]sparse.Stored, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) ([]sparse.Stored, error) { return e.Fetch(e.ctx, ids) })
}

// Count implements rpc.Searching.
func (l local) Count(ctx context.Context, call rpc.Call, q api.Query) (int, rpc.Mark, error) {
	return read(ctx, l, call, func(e *entered) (int, error) { return e.Count(e.ctx, q) })
}

// Write implements rpc.Writing.
func (l local) Write(ctx context.Context, call rpc.Call, req rpc.WriteRequest) (rpc.WriteAnswer, rpc.Mark, error) {
	e, err := l.begin(ctx, call)
	if err != nil {
		return rpc.WriteAnswer{}, rpc.Mark{}, err
	}
	defer e.leave()
	if _, term, here := e.Leadership(); !here || req.Term != 0 && req.Term != term {
		return rpc.WriteAnswer{}, rpc.Mark{}, e.notLeader()
	}
	results, index, err := e.Replica.Write(e.ctx, req.ID, req.Writes)
	switch {
	case errors.Is(err, api.ErrUnknownOutcome):
		return rpc.WriteAnswer{}, rpc.Mark{}, err
	case errors.Is(err, replica.ErrNotLeader):
		return rpc.WriteAnswer{}, rpc.Mark{}, e.notLeader()
	case err != nil:
		return rpc.WriteAnswer{}, rpc.Mark{}, l.explain(ctx, e, err)
	}
	return rpc.WriteAnswer{Results: results, Applied: index}, l.mark(e, index), nil
}

// WaitDense implements rpc.Writing.
func (l local) WaitDense(ctx context.Context, call rpc.Call, version uint64) (rpc.Mark, error) {
	_, mark, err := read(ctx, l, call, func(e *entered) (struct{}, error) {
		return struct{}{}, e.WaitDense(e.ctx, version)
	})
	return mark, err
}

// Info implements rpc.Describing. It answers also for a replica that is not open.
func (l local) Info(ctx context.Context, call rpc.Call) (rpc.ShardInfo, rpc.Mark, error) {
	e, err := l.begin(ctx, rpc.Call{Shard: call.Shard})
	if err != nil {
		return rpc.ShardInfo{Failed: err.Error(), Repair: l.repairInfo()}, rpc.Mark{}, nil
	}
	defer e.leave()
	info := rpc.ShardInfo{Applied: e.Applied(), DenseLag: e.DenseLag()}
	info.Leader, info.Term, info.LeaderHere = e.Leadership()
	if !info.LeaderHere && !e.CaughtUp() {
		// It counts as a copy, for whoever wants to stop another one, when it has what was acknowledged.
		info.Leader = ""
	}
	if err := e.Err(); err != nil {
		info.Failed = err.Error()
	}
	if info.Documents, err = e.Count(e.ctx, nil); err != nil {
		return rpc.ShardInfo{}, rpc.Mark{}, err
	}
	if info.Bytes, err = diskUse(l.dir()); err != nil {
		return rpc.ShardInfo{}, rpc.Mark{}, err
	}
	return info, l.mark(e, info.Applied), nil
}
