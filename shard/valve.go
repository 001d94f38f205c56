package shard

import (
	"context"
	"io"
	"sync"
	"time"
)

// valve lets the bytes of a copy pass at a rate that may change while they do, or not at all. It allows
// valveBurst of them at once, so that the average of a copy of seconds is the rate.
type valve struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	// mu guards what is below. full is when what has passed would have passed at the rate: bytes wait until they are
	// paid for, so that a copy of a few large pieces keeps to the rate as well.
	mu     sync.Mutex
	rate   float64 // bytes per second; 0 for no limit
	closed bool
	full   time.Time
	// changed is closed and replaced when rate or closed changes.
	changed chan struct{}
	// passed of total bytes are through.
	passed, total int64
}

func newValve(now func() time.Time, after func(time.Duration) <-chan time.Time) *valve {
	return &valve{now: now, after: after, changed: make(chan struct{})}
}

// set changes the rate, in bytes per second, 0 for no limit, and whether anything may pass.
func (v *valve) set(rate uint64, closed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rate == float64(rate) && v.closed == closed {
		return
	}
	v.rate, v.closed = float64(rate), closed
	close(v.changed)
	v.changed = make(chan struct{})
}

// begin notes that so many bytes are about to pass.
func (v *valve) begin(total int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.passed, v.total = 0, total
}

// progress gives how many bytes of how many are through.
func (v *valve) progress() (passed, total int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.passed, v.total
}

// skip notes bytes that need not be copied.
func (v *valve) skip(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.passed += n
}

// pass waits until n bytes may pass, or ctx ends.
func (v *valve) pass(ctx context.Context, n int) error {
	came := v.now()
	for {
		wait, changed := v.take(n, came)
		switch {
		case wait == 0:
			return ctx.Err()
		case wait > 0:
			select {
			case <-v.after(wait):
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// take lets n bytes pass that came at a time, or gives how long to wait until they may: less than 0 until something
// changes.
func (v *valve) take(n int, came time.Time) (wait time.Duration, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return -1, v.changed
	}
	if v.rate > 0 {
		full := v.full
		if full.Before(came) {
			full = came
		}
		full = full.Add(time.Duration(float64(n) / v.rate * float64(time.Second)))
		if wait := full.Sub(v.now()) - valveBurst; wait > 0 {
			return wait, v.changed
		}
		v.full = full
	}
	v.passed += int64(n)
	return 0, nil
}

// throttled writes what has passed a valve.
type throttled struct {
	ctx   context.Context
	valve *valve
	to    io.Writer
}

// Write implements io.Writer.
func (t throttled) Write(p []byte) (int, error) {
	if err := t.valve.pass(t.ctx, len(p)); err != nil {
		return 0, err
	}
	return t.to.Write(p)
}
