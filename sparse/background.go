package sparse

import (
	"context"
	"sync"
)

// background runs flushes and merges, each in a goroutine of its own.
type background struct {
	quit   chan struct{}
	ctx    context.Context // ends with quit
	cancel context.CancelFunc
	flush  chan struct{} // capacity 1: there is something pending
	merge  chan struct{} // capacity 1: there may be something to merge
	failed chan struct{}
	done   sync.WaitGroup

	mu      sync.Mutex
	err     error
	changed chan struct{} // closed and replaced when durable advances
}

// startBackground starts an index's goroutines, which use x.work.
func startBackground(x *Index) {
	w := &background{
		quit: make(chan struct{}), flush: make(chan struct{}, 1), merge: make(chan struct{}, 1),
		failed: make(chan struct{}), changed: make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	x.work = w
	run := func(wake chan struct{}, step func(w *background) error) {
		w.done.Go(func() {
			for {
				select {
				case <-w.quit:
					return
				case <-w.failed:
					return
				case <-wake:
				}
				if err := step(w); err != nil {
					w.fail(err)
					return
				}
			}
		})
	}
	run(w.flush, x.flushPending)
	run(w.merge, x.mergeAll)
	w.done.Go(func() {
		select {
		case <-w.quit:
		case <-w.failed:
			// Whoever failed may hold mu, and an Apply that waits for room must not miss it.
			x.mu.Lock()
			defer x.mu.Unlock()
			x.room.Broadcast()
		}
	})
	poke(w.merge)
}

// poke wakes the goroutine that listens to a channel of capacity 1.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// fail records the first failure; the index can't go on.
func (w *background) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
		close(w.failed)
	}
}

func (w *background) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// advanced tells those who wait that durable moved.
func (w *background) advanced() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *background) wait(ctx context.Context, x *Index, target uint64) (uint64, error) {
	for {
		w.mu.Lock()
		changed, err := w.changed, w.err
		w.mu.Unlock()
		if err != nil {
			return 0, err
		}
		if at := x.durableAt.Load(); at >= target {
			return at, nil
		}
		select {
		case <-changed:
		case <-w.failed:
		case <-w.quit:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// stopping reports whether stop was called.
func (w *background) stopping() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

// stop ends both goroutines after what they are at.
func (w *background) stop() {
	close(w.quit)
	w.cancel()
	w.done.Wait()
}
