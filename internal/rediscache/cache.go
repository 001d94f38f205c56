package rediscache

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"
)

// CacheConfig describes a cache.
type CacheConfig struct {
	// Name tells the cache from others, in keys and metrics.
	Name string
	// TTL is how long Redis keeps a value, and a process after it was stored or fetched.
	TTL time.Duration
	// LocalBytes bounds the memory of the local tier; 0 for none.
	LocalBytes int
	// MaxValue is the size of the largest value that is kept.
	MaxValue int
}

// Cache keeps values that never change under their key: whatever a value depends on is part of the key, so none is
// ever stale and none need be invalidated. It is safe for parallel use.
type Cache struct {
	client  *Client
	cfg     CacheConfig
	local   *local // nil for none
	metrics *cacheMetrics
	prefix  string
}

// Cache makes a cache; there must be one of a name. Errors: ErrConfig.
func (c *Client) Cache(cfg CacheConfig) (*Cache, error) {
	switch {
	case cfg.Name == "":
		return nil, fmt.Errorf("%w: a cache has no name", ErrConfig)
	case cfg.TTL < time.Millisecond:
		return nil, fmt.Errorf("%w: TTL of %s is %v, must be at least 1ms", ErrConfig, cfg.Name, cfg.TTL)
	case cfg.LocalBytes < 0:
		return nil, fmt.Errorf("%w: LocalBytes of %s is %d, must not be negative", ErrConfig, cfg.Name, cfg.LocalBytes)
	case cfg.MaxValue <= 0 || cfg.MaxValue > maxValue:
		return nil, fmt.Errorf("%w: MaxValue of %s is %d, must be over 0 and at most %d",
			ErrConfig, cfg.Name, cfg.MaxValue, maxValue)
	}
	x := &Cache{client: c, cfg: cfg, metrics: c.metrics.of(cfg.Name), prefix: c.cfg.Prefix + cfg.Name + ":"}
	if cfg.LocalBytes > 0 {
		x.local = newLocal(cfg.LocalBytes, cfg.MaxValue)
	}
	return x, nil
}

// Get gives the value of a key, which may be any string. It is shared: the caller must not change it.
func (x *Cache) Get(ctx context.Context, key string) ([]byte, bool) {
	if value, ok := x.nearby(key); ok {
		return value, true
	}
	if !x.client.reaches(callGet) {
		x.metrics.misses.Inc()
		return nil, false
	}
	values := make([][]byte, 1)
	x.far(ctx, []string{key}, values)
	return values[0], values[0] != nil
}

// GetMany gives the values in the order of the keys, nil for one that is not there, with one round to Redis at most.
// Of more than 1,024 keys the others are taken for missing.
func (x *Cache) GetMany(ctx context.Context, keys []string) [][]byte {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i], _ = x.nearby(key)
	}
	x.far(ctx, keys, values)
	return values
}

// nearby looks into the local tier.
func (x *Cache) nearby(key string) ([]byte, bool) {
	if x.local == nil {
		return nil, false
	}
	value, ok, c := x.local.get(key, x.client.cfg.Now())
	x.note(c)
	if ok {
		x.metrics.local.Inc()
	}
	return value, ok
}

// far asks Redis for the values that are nil, and keeps what it finds.
func (x *Cache) far(ctx context.Context, keys []string, values [][]byte) {
	var wanted []string
	var places []int
	missing := 0
	for i, value := range values {
		if value != nil {
			continue
		}
		if missing++; len(wanted) < maxKeys {
			wanted, places = append(wanted, x.name(keys[i])), append(places, i)
		}
	}
	if missing == 0 {
		return
	}
	var found [][]byte
	x.client.pass(ctx, callGet, func(ctx context.Context, s server) error {
		var err error
		found, err = s.get(ctx, wanted)
		return err
	})
	for j, data := range found {
		if data == nil {
			continue
		}
		key := keys[places[j]]
		value, err := decodeValue(key, data)
		if err != nil {
			x.metrics.damaged.Inc()
			continue
		}
		missing--
		x.metrics.redis.Inc()
		values[places[j]] = value
		x.keep(key, value)
	}
	x.metrics.misses.Add(float64(missing))
}

// Set keeps a value, here at once and in Redis soon. It is the cache's from then on: nobody must change it. A value
// that is too large is not kept.
func (x *Cache) Set(key string, value []byte) {
	if len(value) > x.cfg.MaxValue {
		return
	}
	if value == nil {
		value = []byte{}
	}
	x.keep(key, value)
	if x.client.writer != nil {
		x.client.writer.add(queued{entry{x.name(key), value, x.cfg.TTL}, key, x.metrics.dropped})
	}
}

// setNow is Set, but has asked Redis when it returns.
func (x *Cache) setNow(ctx context.Context, key string, value []byte) {
	x.keep(key, value)
	e := entry{x.name(key), encodeValue(key, value), x.cfg.TTL}
	x.client.pass(ctx, callSet, func(ctx context.Context, s server) error { return s.set(ctx, []entry{e}) })
}

func (x *Cache) keep(key string, value []byte) {
	if x.local != nil {
		x.note(x.local.put(key, value, x.client.cfg.Now().Add(x.cfg.TTL)))
	}
}

func (x *Cache) note(c change) {
	if c == (change{}) {
		return
	}
	x.metrics.bytes.Add(float64(c.bytes))
	x.metrics.entries.Add(float64(c.entries))
	x.metrics.evicted.Add(float64(c.evicted))
}

// name is the key in Redis, which people can read and type.
func (x *Cache) name(key string) string {
	return x.prefix + base64.RawURLEncoding.EncodeToString([]byte(key))
}
