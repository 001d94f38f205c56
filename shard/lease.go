package shard

import (
	"context"
	"sync"

	"sagasu/shard/replica"
)

// lease is an open replica that calls may use, and that is closed only when none does.
type lease struct {
	replica *replica.Replica

	// use is held for reading by each call, and for writing to close. ctx ends first, which ends the
	// calls that wait for something.
	use    sync.RWMutex
	ctx    context.Context
	end    context.CancelFunc
	closed bool
}

func newLease(r *replica.Replica) *lease {
	ctx, end := context.WithCancel(context.Background())
	return &lease{replica: r, ctx: ctx, end: end}
}

// enter begins a call, whose context ends when the replica is closed; leave must be called after it.
// False if it is closed already.
func (l *lease) enter(ctx context.Context) (_ context.Context, leave func(), ok bool) {
	l.use.RLock()
	if l.closed {
		l.use.RUnlock()
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel(); l.use.RUnlock() }, true
}

// close waits for the calls under way, and closes the replica.
func (l *lease) close() error {
	l.end()
	l.use.Lock()
	defer l.use.Unlock()
	l.closed = true
	return l.replica.Close()
}
