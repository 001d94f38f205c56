package rediscache

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/rediscache/redistest"
)

// realClient makes a client of a real server.
func realClient(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// sets stores a value until the server has it, as another client sees it.
func sets(t *testing.T, x *Cache, key string, value []byte) {
	t.Helper()
	require.Eventually(t, func() bool {
		if x.client.gate.open.Load() == nil {
			return false
		}
		x.setNow(t.Context(), key, value)
		_, ok := x.Get(t.Context(), key)
		return ok
	}, 20*time.Second, 5*time.Millisecond)
}

func has(t *testing.T, x *Cache, key string) bool {
	t.Helper()
	_, ok := x.Get(t.Context(), key)
	return ok
}

// bypassed asks until the gate is closed, which takes three calls that fail, and checks that each is a miss.
func bypassed(t *testing.T, x *Cache) {
	t.Helper()
	require.Eventually(t, func() bool {
		require.False(t, has(t, x, "not there"))
		return x.client.gate.open.Load() == nil
	}, 10*time.Second, time.Millisecond)
	require.Zero(t, told(t, x.client.metrics.available))
}

func TestRedis(t *testing.T) {
	t.Run("two gateways share values", func(t *testing.T) {
		server := redistest.Start(t)
		one := newCache(t, realClient(t, testConfig(server.Address)), 1<<20)
		two := newCache(t, realClient(t, testConfig(server.Address)), 0)
		waitOpen(t, one.client)
		waitOpen(t, two.client)
		noise := make([]byte, 60<<10)
		_, err := rand.Read(noise)
		require.NoError(t, err)
		values := map[string][]byte{
			"empty": {}, "short": []byte("v"), "long": []byte(strings.Repeat("text ", 2000)), "noise": noise,
			"\x00\xff key of any bytes {}": []byte("v"),
		}
		for key, value := range values {
			one.Set(key, value)
		}
		for key, value := range values {
			require.Eventually(t, func() bool {
				got, ok := two.Get(t.Context(), key)
				return ok && bytes.Equal(value, got)
			}, 10*time.Second, time.Millisecond, "%q", key)
		}
		require.Equal(t, [][]byte{nil, []byte("v")}, two.GetMany(t.Context(), []string{"none", "short"}))
	})
	t.Run("killed, and started again empty", func(t *testing.T) {
		server := redistest.Start(t)
		x := newCache(t, realClient(t, testConfig(server.Address)), 0)
		sets(t, x, "k", []byte("v"))
		require.NoError(t, server.Kill())
		bypassed(t, x)
		require.NoError(t, server.Restart())
		waitOpen(t, x.client)
		require.False(t, has(t, x, "k"))
		sets(t, x, "k", []byte("v"))
	})
	t.Run("frozen and thawed", func(t *testing.T) {
		server := redistest.Start(t)
		x := newCache(t, realClient(t, testConfig(server.Address)), 0)
		sets(t, x, "k", []byte("v"))
		require.NoError(t, server.Freeze())
		bypassed(t, x)
		require.Positive(t, told(t, x.client.metrics.errors.WithLabelValues(reasonTimeout)))
		require.NoError(t, server.Thaw())
		waitOpen(t, x.client)
		require.Eventually(t, func() bool { return has(t, x, "k") }, 10*time.Second, time.Millisecond)
	})
	t.Run("not there at first", func(t *testing.T) {
		server := redistest.Start(t)
		require.NoError(t, server.Kill())
		x := newCache(t, realClient(t, testConfig(server.Address)), 0)
		require.False(t, has(t, x, "k"))
		require.NoError(t, server.Restart())
		sets(t, x, "k", []byte("v"))
	})
	t.Run("slow", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := redistest.NewProxy(t, server)
		x := newCache(t, realClient(t, testConfig(proxy.Address)), 0)
		sets(t, x, "k", []byte("v"))
		proxy.Delay(100 * time.Millisecond)
		bypassed(t, x)
		proxy.Delay(0)
		waitOpen(t, x.client)
		require.Eventually(t, func() bool { return has(t, x, "k") }, 10*time.Second, time.Millisecond)
	})
	t.Run("full", func(t *testing.T) {
		server := redistest.Start(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
		x := newCache(t, realClient(t, testConfig(server.Address)), 0)
		sets(t, x, "k", []byte("v"))
		full := x.client.metrics.errors.WithLabelValues(reasonFull)
		noise := make([]byte, 60<<10)
		_, err := rand.Read(noise)
		require.NoError(t, err)
		for i := 0; told(t, full) == 0; i++ {
			require.Less(t, i, 1000)
			x.setNow(t.Context(), fmt.Sprint(i), noise)
		}
		// What is there is still found, and the limits hold by what each gateway counts.
		require.True(t, has(t, x, "k"))
		require.Equal(t, 1.0, told(t, x.client.metrics.available))
		ok, _ := x.client.Limiter().Allow(t.Context(), "new", 0.001, 1)
		require.True(t, ok)
	})
	t.Run("password", func(t *testing.T) {
		server := redistest.Start(t, "--requirepass", "right")
		file := filepath.Join(t.TempDir(), "password")
		require.NoError(t, os.WriteFile(file, []byte("wrong\n"), 0o600))
		cfg := testConfig(server.Address)
		cfg.PasswordFile = file
		x := newCache(t, realClient(t, cfg), 0)
		require.False(t, has(t, x, "k"))
		require.Nil(t, x.client.gate.open.Load())
		// It is read anew, so a mistake can be put right.
		require.NoError(t, os.WriteFile(file, []byte("right\n"), 0o600))
		sets(t, x, "k", []byte("v"))
	})
	t.Run("user who may not read", func(t *testing.T) {
		server := redistest.Start(t, strings.Fields("--user guest on >secret ~* +@connection +cluster +client")...)
		file := filepath.Join(t.TempDir(), "password")
		require.NoError(t, os.WriteFile(file, []byte("secret"), 0o600))
		cfg := testConfig(server.Address)
		cfg.User, cfg.PasswordFile = "guest", file
		x := newCache(t, realClient(t, cfg), 0)
		require.Never(t, func() bool { return x.client.gate.open.Load() != nil }, 200*time.Millisecond, 10*time.Millisecond)
		require.False(t, has(t, x, "k"))
	})
	t.Run("user who may", func(t *testing.T) {
		server := redistest.Start(t, strings.Fields(
			"--user guest on >secret ~sagasu:* +@read +@write +@scripting +@connection +time")...)
		file := filepath.Join(t.TempDir(), "password")
		require.NoError(t, os.WriteFile(file, []byte("secret"), 0o600))
		cfg := testConfig(server.Address)
		cfg.User, cfg.PasswordFile = "guest", file
		x := newCache(t, realClient(t, cfg), 0)
		sets(t, x, "k", []byte("v"))
		x.client.Limiter().Allow(t.Context(), "k", 1, 1)
		require.Zero(t, told(t, x.client.metrics.errors.WithLabelValues(reasonDenied)))
	})
	t.Run("values of another type at our key are misses", func(t *testing.T) {
		server := redistest.Start(t)
		c := realClient(t, testConfig(server.Address))
		x := newCache(t, c, 0)
		sets(t, x, "k", []byte("v"))
		r, ok := c.gate.open.Load().server.(*redis)
		require.True(t, ok)
		command := r.client.B().Rpush().Key(x.name("list")).Element("a").Build()
		require.NoError(t, r.client.Do(t.Context(), command).Error())
		for range 10 {
			require.False(t, has(t, x, "list"))
		}
		require.True(t, has(t, x, "k"))
	})
	t.Run("values end", func(t *testing.T) {
		server := redistest.Start(t)
		c := realClient(t, testConfig(server.Address))
		x, err := c.Cache(CacheConfig{Name: "short", TTL: 50 * time.Millisecond, MaxValue: 100})
		require.NoError(t, err)
		waitOpen(t, c)
		x.setNow(t.Context(), "k", []byte("v"))
		require.Eventually(t, func() bool { return !has(t, x, "k") }, 10*time.Second, 5*time.Millisecond)
	})
}

func TestRedisLimiter(t *testing.T) {
	server := redistest.Start(t)
	one := realClient(t, testConfig(server.Address))
	two := realClient(t, testConfig(server.Address))
	waitOpen(t, one)
	waitOpen(t, two)
	t.Run("gateways count together", func(t *testing.T) {
		passed := 0
		var wait time.Duration
		for i := range 30 {
			c := []*Client{one, two}[i%2]
			ok, retry := c.Limiter().Allow(t.Context(), "together", 0.01, 7)
			if ok {
				passed++
			} else {
				wait = retry
			}
		}
		require.Equal(t, 7, passed)
		require.Greater(t, wait, 90*time.Second)
		require.LessOrEqual(t, wait, 100*time.Second)
	})
	t.Run("tokens come back", func(t *testing.T) {
		l := one.Limiter()
		ok, _ := l.Allow(t.Context(), "back", 20, 1)
		require.True(t, ok)
		ok, wait := l.Allow(t.Context(), "back", 20, 1)
		require.False(t, ok)
		require.LessOrEqual(t, wait, 50*time.Millisecond)
		require.Eventually(t, func() bool {
			ok, _ := l.Allow(t.Context(), "back", 20, 1)
			return ok
		}, 10*time.Second, wait)
	})
	t.Run("extremes", func(t *testing.T) {
		l := two.Limiter()
		for i, rate := range []float64{1e-300, 1e-5, 1, 1e9} {
			ok, _ := l.Allow(t.Context(), fmt.Sprint("extreme ", i), rate, 1<<40)
			require.True(t, ok)
		}
		require.Zero(t, told(t, two.metrics.bypassed["limit"]))
	})
	t.Run("counts here when redis is gone", func(t *testing.T) {
		require.NoError(t, server.Kill())
		l := one.Limiter()
		passed := 0
		for range 30 {
			if ok, _ := l.Allow(t.Context(), "gone", 0.01, 7); ok {
				passed++
			}
		}
		require.Equal(t, 7, passed)
	})
}

func TestCursors(t *testing.T) {
	server := redistest.Start(t)
	one := realClient(t, testConfig(server.Address))
	two := realClient(t, testConfig(server.Address))
	waitOpen(t, one)
	waitOpen(t, two)
	cursorsOf := func(c *Client) *Cursors {
		x, err := c.Cursors("scroll", time.Minute, 1<<20, 1<<10)
		require.NoError(t, err)
		return x
	}
	here, there := cursorsOf(one), cursorsOf(two)
	name, err := here.Put(t.Context(), []byte("state"))
	require.NoError(t, err)
	t.Run("goes on at any gateway", func(t *testing.T) {
		for _, x := range []*Cursors{here, there} {
			state, ok := x.Get(t.Context(), name)
			require.True(t, ok)
			require.Equal(t, "state", string(state))
		}
		other, err := here.Put(t.Context(), nil)
		require.NoError(t, err)
		require.NotEqual(t, name, other)
		_, ok := there.Get(t.Context(), other)
		require.True(t, ok)
	})
	t.Run("unknown names and large states", func(t *testing.T) {
		_, ok := here.Get(t.Context(), "guess")
		require.False(t, ok)
		_, err := here.Put(t.Context(), make([]byte, 1<<10+1))
		require.ErrorIs(t, err, ErrTooLarge)
	})
	t.Run("goes on here when redis is gone", func(t *testing.T) {
		require.NoError(t, server.Kill())
		name, err := here.Put(t.Context(), []byte("alone"))
		require.NoError(t, err)
		state, ok := here.Get(t.Context(), name)
		require.True(t, ok)
		require.Equal(t, "alone", string(state))
		_, ok = there.Get(t.Context(), name)
		require.False(t, ok)
	})
}
