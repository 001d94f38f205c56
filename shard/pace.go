package shard

import (
	"context"
	"sync"
	"time"
)

// pace is a token bucket: it lets a number of bytes pass per second, and a second's worth at once.
type pace struct {
	rate  float64
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	// mu guards when the bucket is full again: a time in the future is a debt of what was taken before it came.
	mu   sync.Mutex
	full time.Time
}

func newPace(bytesPerSecond int, now func() time.Time, after func(time.Duration) <-chan time.Time) *pace {
	return &pace{rate: float64(bytesPerSecond), now: now, after: after}
}

// take waits until n bytes may pass, or ctx ends.
func (p *pace) take(ctx context.Context, n int) error {
	wait := p.reserve(n)
	if wait <= 0 {
		return ctx.Err()
	}
	select {
	case <-p.after(wait):
		return nil
	case <-ctx.Done():
		p.giveBack(n)
		return ctx.Err()
	}
}

// giveBack returns n bytes that did not pass after all.
func (p *pace) giveBack(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = p.full.Add(-p.lasts(n))
}

// lasts is how long n bytes take.
func (p *pace) lasts(n int) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}

// reserve takes n bytes and gives how long to wait for them.
func (p *pace) reserve(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.full.Before(now) {
		p.full = now
	}
	p.full = p.full.Add(p.lasts(n))
	return p.full.Sub(now) - time.Second
}
