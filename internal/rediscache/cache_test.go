package rediscache

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// alone makes a client without Redis.
func alone(t *testing.T) *Client {
	t.Helper()
	c, err := Open(testConfig())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestCache(t *testing.T) {
	t.Run("without redis keeps values here", func(t *testing.T) {
		x := newCache(t, alone(t), 1<<20)
		_, ok := x.Get(t.Context(), "k")
		require.False(t, ok)
		x.Set("k", []byte("v"))
		x.Set("empty", nil)
		value, ok := x.Get(t.Context(), "k")
		require.True(t, ok)
		require.Equal(t, "v", string(value))
		require.Equal(t, [][]byte{[]byte("v"), nil, {}}, x.GetMany(t.Context(), []string{"k", "none", "empty"}))
		require.Equal(t, 3.0, told(t, x.metrics.local))
		require.Equal(t, 2.0, told(t, x.metrics.misses))
		require.Equal(t, 2.0, told(t, x.metrics.entries))
	})
	t.Run("values have their time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, err := Open(testConfig())
			require.NoError(t, err)
			defer c.Close()
			x := newCache(t, c, 1<<20)
			x.Set("k", []byte("v"))
			time.Sleep(time.Minute)
			_, ok := x.Get(t.Context(), "k")
			require.True(t, ok)
			time.Sleep(time.Second)
			_, ok = x.Get(t.Context(), "k")
			require.False(t, ok)
			require.Zero(t, told(t, x.metrics.bytes))
		})
	})
	t.Run("large values are not kept", func(t *testing.T) {
		x := newCache(t, alone(t), 1<<20)
		x.Set("k", make([]byte, 64<<10+1))
		_, ok := x.Get(t.Context(), "k")
		require.False(t, ok)
	})
	t.Run("what one gateway stores another one finds", func(t *testing.T) {
		f := newFakeServer()
		one, two := newCache(t, connected(t, f), 1<<20), newCache(t, connected(t, f), 1<<20)
		long := []byte(strings.Repeat("a text ", 1000))
		one.Set("short", []byte("v"))
		one.Set("long", long)
		require.Eventually(t, func() bool {
			return two.GetMany(t.Context(), []string{"short", "long"})[1] != nil
		}, 10*time.Second, time.Millisecond)
		got := two.GetMany(t.Context(), []string{"none", "short", "long"})
		require.Equal(t, [][]byte{nil, []byte("v"), long}, got)
		// The second time it is here.
		calls := f.count("get")
		value, ok := two.Get(t.Context(), "long")
		require.True(t, ok)
		require.True(t, bytes.Equal(long, value))
		require.Equal(t, calls, f.count("get"))
		require.Positive(t, told(t, two.metrics.redis))
	})
	t.Run("foreign and damaged values are misses", func(t *testing.T) {
		f := newFakeServer()
		x := newCache(t, connected(t, f), 0)
		for i, data := range [][]byte{{}, []byte("hello"), encodeValue("other", []byte("v")), make([]byte, 100)} {
			f.mu.Lock()
			f.values[x.name("k")] = data
			f.mu.Unlock()
			_, ok := x.Get(t.Context(), "k")
			require.False(t, ok)
			require.InDelta(t, i+1, told(t, x.metrics.damaged), 0)
			require.InDelta(t, i+1, told(t, x.metrics.misses), 0)
		}
		f.mu.Lock()
		f.values[x.name("k")] = encodeValue("k", []byte("v"))
		f.mu.Unlock()
		_, ok := x.Get(t.Context(), "k")
		require.True(t, ok)
	})
	t.Run("values that wait are bounded", func(t *testing.T) {
		f := newFakeServer()
		c := connected(t, f)
		x := newCache(t, c, 0)
		goOn := make(chan struct{})
		f.behave(func(_ context.Context, what string) error {
			if what == "set" {
				<-goOn
			}
			return nil
		})
		for i := range 3 * maxQueued {
			x.Set(fmt.Sprint(i), []byte("v"))
		}
		dropped := told(t, x.metrics.dropped)
		require.InDelta(t, 2*maxQueued, dropped, maxBatch)
		close(goOn)
		require.Eventually(t, func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.values) == 3*maxQueued-int(dropped)
		}, 10*time.Second, time.Millisecond)
	})
	t.Run("a full server is told and still read", func(t *testing.T) {
		f := newFakeServer()
		c := connected(t, f)
		require.Nil(t, c.gate.ctx.Err())
		x := newCache(t, c, 0)
		x.Set("k", []byte("v"))
		require.Eventually(t, func() bool { return f.count("set") == 1 }, 10*time.Second, time.Millisecond)
		_, ok := x.Get(t.Context(), "k")
		require.True(t, ok)
	})
	t.Run("refuses what can't be", func(t *testing.T) {
		c := alone(t)
		good := CacheConfig{Name: "n", TTL: time.Second, LocalBytes: 1, MaxValue: 1}
		_, err := c.Cache(good)
		require.NoError(t, err)
		for _, spoil := range []func(*CacheConfig){
			func(c *CacheConfig) { c.Name = "" },
			func(c *CacheConfig) { c.TTL = 0 },
			func(c *CacheConfig) { c.LocalBytes = -1 },
			func(c *CacheConfig) { c.MaxValue = 0 },
			func(c *CacheConfig) { c.MaxValue = maxValue + 1 },
		} {
			bad := good
			spoil(&bad)
			_, err := c.Cache(bad)
			require.ErrorIs(t, err, ErrConfig)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		x := newCache(t, connected(t, newFakeServer()), 64<<10)
		var group sync.WaitGroup
		for w := range 8 {
			group.Go(func() {
				for i := range 2000 {
					key := fmt.Sprint((i * (w + 1)) % 300)
					if value, ok := x.Get(t.Context(), key); ok && string(value) != "value of "+key {
						t.Errorf("%s: %s", key, value)
					}
					x.Set(key, []byte("value of "+key))
				}
			})
		}
		group.Wait()
		bytes := 0
		for i := range x.local.shards {
			bytes += x.local.shards[i].bytes
		}
		require.InDelta(t, bytes, told(t, x.metrics.bytes), 0)
	})
}

func TestConfig(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"address without port":  func(c *Config) { c.Addresses = []string{"redis"} },
		"sentinels without any": func(c *Config) { c.Addresses, c.Master = nil, "m" },
		"user without password": func(c *Config) { c.User = "u" },
		"missing password file": func(c *Config) { c.PasswordFile = "/nonexistent" },
		"certificates, no TLS":  func(c *Config) { c.CAFile = "/x" },
		"negative database":     func(c *Config) { c.Database = -1 },
		"cluster and database":  func(c *Config) { c.Addresses, c.Database = []string{"a:1", "b:1"}, 1 },
		"prefix with braces":    func(c *Config) { c.Prefix = "{x}" },
		"no timeout":            func(c *Config) { c.Timeout = 0 },
		"timeout of minutes":    func(c *Config) { c.Timeout = time.Minute },
		"no clock":              func(c *Config) { c.Now = nil },
		"no logger":             func(c *Config) { c.Logger = nil },
		"no registry":           func(c *Config) { c.Registry = nil },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig("127.0.0.1:1")
			spoil(&cfg)
			_, err := Open(cfg)
			require.ErrorIs(t, err, ErrConfig)
		})
	}
	t.Run("one client of a registry", func(t *testing.T) {
		cfg := testConfig()
		c, err := Open(cfg)
		require.NoError(t, err)
		_, err = Open(cfg)
		require.ErrorContains(t, err, "cache")
		c.Close()
		c, err = Open(cfg)
		require.NoError(t, err)
		c.Close()
	})
}
