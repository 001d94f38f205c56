package query

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sagasu/api"
)

// flights are the searches under way that others may join.
type flights struct {
	now func() time.Time

	mu     sync.Mutex
	flying map[digest]*flight
}

// flight is one search, run for everybody who waits for it.
type flight struct {
	began time.Time
	// waiters is guarded by the lock of flights; when the last one leaves, the search is given up.
	waiters int
	cancel  context.CancelFunc

	done chan struct{}
	// response and err are set before done is closed.
	response *api.SearchResponse
	err      error
}

func newFlights(now func() time.Time) *flights {
	return &flights{now: now, flying: map[digest]*flight{}}
}

// share runs a search, or waits for the one under way that began no longer than young ago. Who leaves takes nothing
// from the others. The answer is shared, and must not be changed; joined says that somebody else's search gave it.
func (f *flights) share(
	ctx context.Context, key digest, young time.Duration,
	search func(context.Context) (*api.SearchResponse, error),
) (response *api.SearchResponse, joined bool, err error) {
	f.mu.Lock()
	now := f.now()
	flying := f.flying[key]
	joined = flying != nil && now.Sub(flying.began) <= young
	if !joined {
		flying = &flight{began: now, done: make(chan struct{})}
		f.flying[key] = flying
		var own context.Context
		own, flying.cancel = context.WithCancel(context.WithoutCancel(ctx))
		Go(func() { f.run(own, key, flying, search) })
	}
	flying.waiters++
	f.mu.Unlock()
	select {
	case <-flying.done:
		return flying.response, joined, flying.err
	case <-ctx.Done():
		f.leave(key, flying)
		return nil, joined, fmt.Errorf("search: %w", ctx.Err())
	}
}

func (f *flights) run(
	ctx context.Context, key digest, flying *flight, search func(context.Context) (*api.SearchResponse, error),
) {
	flying.response, flying.err = Contain(func() (*api.SearchResponse, error) { return search(ctx) })
	f.mu.Lock()
	f.forget(key, flying)
	f.mu.Unlock()
	close(flying.done)
	flying.cancel()
}

// leave takes a waiter off; a search that nobody waits for ends, and nobody joins it any more.
func (f *flights) leave(key digest, flying *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flying.waiters--; flying.waiters == 0 {
		f.forget(key, flying)
		flying.cancel()
	}
}

// forget keeps others from joining; mu is held.
func (f *flights) forget(key digest, flying *flight) {
	if f.flying[key] == flying {
		delete(f.flying, key)
	}
}
