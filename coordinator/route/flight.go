package route

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"sagasu/coordinator/query"
)

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// flight is one call to a shard on its way: over one copy or, as need be, several.
type flight[T any] struct {
	router *Router
	shard  *shard
	view   *ShardView
	kind   kind
	ask    ask[T]
	start  time.Time

	// untried are the copies not asked yet.
	untried []Copy
	// answers brings the ends of attempts. An attempt that nobody waits for any more sends nothing.
	answers chan outcome[T]
	// flying are the attempts that have not ended.
	flying []*attempt
	hedged bool
	// delay is that of a hedge; denied says that the budget was asked for one in vain.
	delay  time.Duration
	denied bool
	// hedgeAt and stuckAt are the times, since start, at which another copy is asked if the budgets allow.
	hedgeAt, stuckAt time.Duration
	// stale is the newest epoch that a replica refused the call with.
	stale     uint64
	refreshed bool
}

// fly sends a call to copies of a shard until one answers. The error is the context's, one that query.Final
// holds for final, or that of the last copy if none answered; ErrNoCopy if there is none.
func fly[T any](ctx context.Context, s *shard, k kind, f ask[T]) (T, error) {
	r := s.router
	r.metrics.byKind[k].calls.Inc()
	r.hedges.earn()
	r.retries.earn()
	fl := &flight[T]{router: r, shard: s, kind: k, ask: f, start: r.cfg.Now()}
	fl.see(s.view.Load())
	defer fl.settle()
	if len(fl.untried) == 0 {
		var none T
		return none, fmt.Errorf("ask shard %s: %w", fl.view.ID, ErrNoCopy)
	}
	if len(fl.untried) > 1 {
		return fl.wait(ctx, nil)
	}
	// There is nobody to turn to if it is late: it is asked from here.
	out := run(ctx, fl.begin(0, false), f, fl.call())
	if out.err != nil {
		return fl.wait(ctx, &out)
	}
	fl.won(out)
	return out.value, nil
}

// see takes the copies of a view for untried.
func (f *flight[T]) see(view *ShardView) {
	f.view = view
	f.untried = slices.Clone(view.Copies)
	f.hedgeAt, f.stuckAt = never, never
}

func (f *flight[T]) call() Call { return Call{Epoch: f.view.Epoch, MinIndex: f.shard.min.Load()} }

// since is the time since the start.
func (f *flight[T]) since() time.Duration { return f.router.cfg.Now().Sub(f.start) }

// candidates gives the untried copies as they look now.
func (f *flight[T]) candidates(into []candidate) []candidate {
	now, least := f.router.cfg.Now(), f.shard.min.Load()
	for i := range f.untried {
		copied := &f.untried[i]
		state := f.router.copies.get(copyKey{f.view.ID, copied.Node})
		seen := f.router.nodes.get(copied.Node).look(state, f.kind, now)
		c := candidate{tier: tierReady, local: copied.Local, cost: seen.cost}
		behind := least > 0 && copied.Node != f.view.Leader && state.applied.Load() < least
		switch {
		case seen.suspect:
			c.tier = tierSuspect
		case copied.Last:
			c.tier = tierLast
		case behind:
			c.tier = tierBehind
		}
		into = append(into, c)
	}
	return into
}

// choose gives the position of the untried copy to ask next.
func (f *flight[T]) choose() int {
	var few [8]candidate
	return choose(f.candidates(few[:0]), f.router.cfg.Rand)
}

// begin makes an attempt of an untried copy.
func (f *flight[T]) begin(at int, hedge bool) *attempt {
	copied := f.untried[at]
	f.untried[at] = f.untried[len(f.untried)-1]
	f.untried = f.untried[:len(f.untried)-1]
	a := &attempt{
		router: f.router, kind: f.kind, copied: copied, shard: f.view.ID, hedge: hedge,
		node:  f.router.nodes.get(copied.Node),
		state: f.router.copies.get(copyKey{f.view.ID, copied.Node}),
		start: f.router.cfg.Now(),
	}
	a.trial = a.node.begin(a.state, a.start)
	return a
}

// launch asks an untried copy, and sets the times at which it is late.
func (f *flight[T]) launch(ctx context.Context, at int, hedge bool) {
	a, call := f.begin(at, hedge), f.call()
	f.hedgeAt, f.stuckAt = never, never
	if len(f.untried) > 0 {
		if !f.hedged {
			f.delay = f.router.windows[f.kind].hedgeAfter(a.start)
			f.hedgeAt = f.since() + f.delay
		}
		if deadline, ok := ctx.Deadline(); ok {
			// Deadlines are of the context's clock, not of ours.
			f.stuckAt = f.since() + time.Until(deadline)/2
		}
	}
	if f.answers == nil {
		f.answers = make(chan outcome[T])
	}
	f.flying = append(f.flying, a)
	query.Go(func() {
		out := run(ctx, a, f.ask, call)
		select {
		case f.answers <- out:
		case <-ctx.Done():
		}
	})
}

// wait brings the flight to its end; first is the outcome of an attempt that has failed already, nil if there was
// none.
func (f *flight[T]) wait(ctx context.Context, first *outcome[T]) (T, error) {
	// What is still on its way at the return is cancelled.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var none T
	if first == nil {
		f.launch(ctx, f.choose(), false)
	} else if err := f.failed(ctx, *first); err != nil {
		return none, err
	}
	var timer *time.Timer
	for {
		var alarm <-chan time.Time
		if next := min(f.hedgeAt, f.stuckAt); next != never {
			if timer == nil {
				timer = time.NewTimer(next - f.since())
				defer timer.Stop()
			} else {
				timer.Reset(next - f.since())
			}
			alarm = timer.C
		}
		select {
		case out := <-f.answers:
			f.flying = slices.DeleteFunc(f.flying, func(a *attempt) bool { return a == out.attempt })
			if out.err == nil {
				f.won(out)
				return out.value, nil
			}
			if err := f.failed(ctx, out); err != nil {
				return none, err
			}
		case <-alarm:
			f.late(ctx)
		case <-ctx.Done():
			return none, fmt.Errorf("ask shard %s: %w", f.view.ID, ctx.Err())
		}
	}
}
