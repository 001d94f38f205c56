package query

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// panicError is what a call that panicked gives.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Contain runs f. A panic of f becomes an error, which Final holds for final.
func Contain[T any](f func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return f()
}

// call runs f and returns its result, or the context's error as soon as that is done: a shard that
// does not heed its context is not waited for. Panics are contained.
func call[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	Go(func() {
		var a answer[T]
		a.value, a.err = Contain(func() (T, error) { return f(ctx) })
		done <- a
	})
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// answer is what one shard gave.
type answer[T any] struct {
	value T
	err   error
	given bool
}

// gathering takes the answers of shards until nobody waits for them any more.
type gathering[T any] struct {
	mu      sync.Mutex
	answers []answer[T]
	missing int
	over    bool
	done    chan struct{} // closed when none is missing
}

// everywhere calls all shards at once and returns their answers in the shards' order, with the context's error for
// those that have not answered when it is done.
func everywhere[T any](
	ctx context.Context, shards []Shard, f func(context.Context, int, Shard) (T, error),
) []answer[T] {
	if len(shards) == 0 {
		return nil
	}
	g := &gathering[T]{answers: make([]answer[T], len(shards)), missing: len(shards), done: make(chan struct{})}
	for i, shard := range shards {
		Go(func() {
			g.take(i, func() (T, error) { return f(ctx, i, shard) })
		})
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		g.end(ctx.Err())
	}
	return g.answers
}

// take gets the answer of one shard.
func (g *gathering[T]) take(at int, f func() (T, error)) {
	value, err := Contain(f)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.answers[at] = answer[T]{value: value, err: err, given: true}
	if g.missing--; g.missing == 0 {
		close(g.done)
	}
}

// end stands the error in for the answers that are missing, and takes no more.
func (g *gathering[T]) end(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	for i := range g.answers {
		if !g.answers[i].given {
			g.answers[i].err = err
		}
	}
}
