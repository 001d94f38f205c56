package coordinator

import (
	"context"
	"sync"

	"sagasu/coordinator/state"
	"sagasu/shard/replica"
)

// openIndex is an index whose replica is open on this node.
type openIndex struct {
	state.Index
	replica *replica.Replica

	// use is held for reading by each call, and for writing to close. ctx ends first, which ends the
	// calls that wait for something.
	use    sync.RWMutex
	ctx    context.Context
	end    context.CancelFunc
	closed bool
}

func newOpenIndex(x state.Index, r *replica.Replica) *openIndex {
	ctx, end := context.WithCancel(context.Background())
	return &openIndex{Index: x, replica: r, ctx: ctx, end: end}
}

// enter begins a call, whose context ends when the index is closed; leave must be called after it.
// False if the index is closed already.
func (x *openIndex) enter(ctx context.Context) (_ context.Context, leave func(), ok bool) {
	x.use.RLock()
	if x.closed {
		x.use.RUnlock()
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(x.ctx, cancel)
	return ctx, func() { stop(); cancel(); x.use.RUnlock() }, true
}

// close waits for the calls under way, and closes the replica.
func (x *openIndex) close() error {
	x.end()
	x.use.Lock()
	defer x.use.Unlock()
	x.closed = true
	return x.replica.Close()
}
