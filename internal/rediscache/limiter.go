package rediscache

import (
	"context"
	"math"
	"time"
)

// Limiter is a token bucket by key, common to all gateways; while Redis is bypassed each gateway has one of its own,
// so that together they let more through. It is safe for parallel use.
type Limiter struct {
	client *Client
	local  *buckets
}

// Limiter makes a limiter. Those of one Redis and prefix count together.
func (c *Client) Limiter() *Limiter { return &Limiter{client: c, local: newBuckets()} }

// Allow takes a token from the bucket of key, which gets rate tokens a second and holds burst at most; a new one is
// full. If there is none, retryAfter is when there will be. A rate or burst of 0 or less allows nothing.
func (l *Limiter) Allow(ctx context.Context, key string, rate float64, burst int) (ok bool, retryAfter time.Duration) {
	if !(rate > 0) || burst <= 0 {
		return false, longestWait
	}
	interval := int64(max(1, min(math.Ceil(1e6/rate), float64(longestWait.Microseconds()))))
	// A bucket that takes longer than this to fill is made to hold less: it would be kept as long.
	size := min(int64(burst), max(1, longestWait.Microseconds()/interval))
	var wait int64
	asked := l.client.pass(ctx, callLimit, func(ctx context.Context, s server) error {
		var err error
		wait, err = s.take(ctx, l.client.cfg.Prefix+"limit:"+key, interval, size)
		return err
	})
	if !asked {
		wait = l.local.take(key, l.client.cfg.Now().UnixMicro(), interval, size)
	}
	return wait == 0, time.Duration(wait) * time.Microsecond
}
