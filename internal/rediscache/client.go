package rediscache

import (
	"context"
	"sync"
)

// Client is the way to Redis, or stands in for it if there is none. It is safe for parallel use.
type Client struct {
	cfg     Config
	metrics *metrics
	gate    *gate   // nil without Redis
	writer  *writer // nil without Redis
	closed  sync.Once
}

// Open makes a client. It does not wait for Redis: until that answers it is bypassed. Errors: ErrConfig, or that the
// registry has the metrics of another open client.
func Open(cfg Config) (*Client, error) {
	return open(cfg, func() (server, error) { return dial(&cfg) })
}

func open(cfg Config, connect func() (server, error)) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg}
	var err error
	if c.metrics, err = newMetrics(cfg.Registry, len(cfg.Addresses) > 0); err != nil {
		return nil, err
	}
	if len(cfg.Addresses) > 0 {
		c.gate = newGate(&c.cfg, c.metrics, connect)
		c.writer = newWriter(c.gate)
	}
	return c, nil
}

// Close ends the connections and the work in the background; what waits to be stored is not. Caches go on with what
// they have in this process. Closing again does nothing.
func (c *Client) Close() {
	c.closed.Do(func() {
		if c.gate != nil {
			c.writer.end()
			c.gate.end()
		}
		c.metrics.unregister()
	})
}

// reaches reports whether Redis is there to be asked, so that nothing is made ready for a call in vain.
func (c *Client) reaches(call string) bool {
	if c.gate == nil {
		return false
	}
	if c.gate.open.Load() == nil {
		c.metrics.bypassed[call].Inc()
		return false
	}
	return true
}

// pass asks Redis, if there is one; see gate.pass.
func (c *Client) pass(ctx context.Context, what string, f func(context.Context, server) error) bool {
	return c.gate != nil && c.gate.pass(ctx, what, c.cfg.Timeout, f)
}
