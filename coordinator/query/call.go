package query

import (
	"context"
	"fmt"
	"runtime/debug"
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
	go func() {
		var a answer[T]
		a.value, a.err = Contain(func() (T, error) { return f(ctx) })
		done <- a
	}()
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
}

// everywhere calls all shards at once and returns their answers in the shards' order.
func everywhere[T any](
	ctx context.Context, shards []Shard, f func(context.Context, int, Shard) (T, error),
) []answer[T] {
	answers := make([]answer[T], len(shards))
	finished := make(chan struct{}, len(shards))
	for i, shard := range shards {
		ask := func() {
			answers[i].value, answers[i].err = call(ctx, func(ctx context.Context) (T, error) {
				return f(ctx, i, shard)
			})
			finished <- struct{}{}
		}
		if i == len(shards)-1 {
			ask()
			break
		}
		go ask()
	}
	for range shards {
		<-finished
	}
	return answers
}
