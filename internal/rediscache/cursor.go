package rediscache

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// Cursors keep the state of what a client reads page by page, under names that can't be guessed. While Redis is
// bypassed they stay in this process, and only it knows them.
type Cursors struct{ cache *Cache }

// Cursors makes a keeper of states of at most maxState bytes each, which are forgotten after ttl, and of which the
// process keeps localBytes. There must be one of a name. Errors: ErrConfig.
func (c *Client) Cursors(name string, ttl time.Duration, localBytes, maxState int) (*Cursors, error) {
	cache, err := c.Cache(CacheConfig{Name: name, TTL: ttl, LocalBytes: localBytes, MaxValue: maxState})
	if err != nil {
		return nil, err
	}
	return &Cursors{cache}, nil
}

// Put keeps a state, which must not be changed any more, and gives its name: what goes on from there gets another one,
// so that a page asked for twice is the same. Errors: ErrTooLarge.
func (x *Cursors) Put(ctx context.Context, state []byte) (string, error) {
	if len(state) > x.cache.cfg.MaxValue {
		return "", fmt.Errorf("keep cursor: %w: %d bytes, at most %d are", ErrTooLarge, len(state), x.cache.cfg.MaxValue)
	}
	if state == nil {
		state = []byte{}
	}
	name := rand.Text()
	x.cache.setNow(ctx, name, state)
	return name, nil
}

// Get gives a state by its name, which must not be changed; false if it is unknown or was forgotten.
func (x *Cursors) Get(ctx context.Context, name string) ([]byte, bool) { return x.cache.Get(ctx, name) }
