package shard

import (
	"context"
	"sync"

	"sagasu/api"
	"sagasu/internal/dense"
)

// collections are the connections of a host to its Remote: one for each generation of an index, for all replicas
// that need it.
type collections struct {
	remote Remote

	mu   sync.Mutex
	open map[collectionKey]*collection
}

type collectionKey struct {
	index      string
	generation int
}

// collection is an open one.
type collection struct {
	dense.Collection
	users int
}

func newCollections(remote Remote) *collections {
	return &collections{remote: remote, open: map[collectionKey]*collection{}}
}

// get gives the collection of a generation, and what is to be called once when it is not needed any more.
func (c *collections) get(ctx context.Context, index string, config api.DenseConfig, schema api.Schema,
) (dense.Collection, func(), error) {
	key := collectionKey{index, config.Generation}
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.open[key]
	if held == nil {
		opened, err := c.remote.Open(ctx, index, config, schema)
		if err != nil {
			return nil, nil, err
		}
		held = &collection{Collection: opened}
		c.open[key] = held
	}
	held.users++
	return held.Collection, sync.OnceFunc(func() { c.release(key, held) }), nil
}

func (c *collections) release(key collectionKey, held *collection) {
	c.mu.Lock()
	held.users--
	last := held.users == 0
	if last {
		delete(c.open, key)
	}
	c.mu.Unlock()
	if last {
		// What a connection says when it ends concerns nobody.
		_ = held.Close()
	}
}
