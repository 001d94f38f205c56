package rediscache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) {
	get := func(t *testing.T, c *Client) bool {
		return c.pass(t.Context(), "get", func(ctx context.Context, s server) error {
			_, err := s.get(ctx, []string{"x"})
			return err
		})
	}
	// start opens a client of the fake inside a bubble.
	start := func(t *testing.T, connect func() (server, error)) *Client {
		t.Helper()
		c, err := open(testConfig("fake:1"), connect)
		require.NoError(t, err)
		return c
	}

	t.Run("every call has the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			c := start(t, func() (server, error) { return f, nil })
			synctest.Wait()
			require.True(t, get(t, c))
			cache := newCache(t, c, 0)
			cache.Get(t.Context(), "k")
			cache.GetMany(t.Context(), []string{"k", "l"})
			cursors, err := c.Cursors("cursors", time.Minute, 1<<20, 1<<10)
			require.NoError(t, err)
			_, err = cursors.Put(t.Context(), []byte("x"))
			require.NoError(t, err)
			c.Limiter().Allow(t.Context(), "k", 1, 1)
			require.Len(t, f.budgets, 2+5)
			for _, budget := range f.budgets {
				require.Equal(t, defaultTimeout, budget)
			}
			c.Close()
			require.True(t, f.closed)
		})
	})
	t.Run("a server that hangs costs three deadlines and then nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			c := start(t, func() (server, error) { return f, nil })
			synctest.Wait()
			require.Equal(t, 1.0, told(t, c.metrics.available))
			f.behave(hang)
			begin := time.Now()
			for range 1000 {
				require.False(t, get(t, c))
			}
			require.Equal(t, 3*defaultTimeout, time.Since(begin))
			require.Zero(t, told(t, c.metrics.available))
			require.Equal(t, 1000.0, told(t, c.metrics.bypassed["get"]))
			require.Equal(t, 3.0, told(t, c.metrics.errors.WithLabelValues(reasonTimeout)))

			// Nobody but the prober asks meanwhile, and not often.
			calls := f.count("get")
			time.Sleep(time.Minute)
			require.Less(t, f.count("get")-calls, 140)
			require.Greater(t, f.count("get")-calls, 30)

			f.behave(nil)
			time.Sleep(2 * lastPause)
			require.True(t, get(t, c))
			require.Equal(t, 1.0, told(t, c.metrics.available))
			c.Close()
		})
	})
	t.Run("opens when the server comes, however late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			var there atomic.Bool
			c := start(t, func() (server, error) {
				if !there.Load() {
					return nil, errFake
				}
				return f, nil
			})
			synctest.Wait()
			require.False(t, get(t, c))
			time.Sleep(time.Hour)
			there.Store(true)
			time.Sleep(2 * lastPause)
			require.True(t, get(t, c))
			c.Close()
		})
	})
	t.Run("a server that is slow is not taken back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			c := start(t, func() (server, error) { return f, nil })
			synctest.Wait()
			f.behave(func(ctx context.Context, what string) error {
				select {
				case <-time.After(2 * defaultTimeout):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			for range 3 {
				require.False(t, get(t, c))
			}
			time.Sleep(time.Minute)
			require.Nil(t, c.gate.open.Load())
			c.Close()
		})
	})
	t.Run("a few failures are borne, a third are not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			c := start(t, func() (server, error) { return f, nil })
			synctest.Wait()
			var n, every atomic.Int64
			every.Store(4)
			f.behave(func(context.Context, string) error {
				if n.Add(1)%every.Load() == 0 {
					return errFake
				}
				return nil
			})
			for range 1000 {
				get(t, c)
			}
			require.NotNil(t, c.gate.open.Load())
			every.Store(2)
			for range 20 {
				get(t, c)
			}
			require.Zero(t, told(t, c.metrics.available))
			c.Close()
		})
	})
	t.Run("callers who leave are no failures", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			c := start(t, func() (server, error) { return f, nil })
			synctest.Wait()
			f.behave(hang)
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				require.False(t, c.pass(ctx, "get", func(ctx context.Context, s server) error {
					_, err := s.get(ctx, nil)
					return err
				}))
				cancel()
			}
			require.NotNil(t, c.gate.open.Load())
			c.Close()
		})
	})
	t.Run("a server that comes and goes is asked ever more seldom", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeServer()
			connects := 0
			c := start(t, func() (server, error) { connects++; return f, nil })
			synctest.Wait()
			// Probes are answered, calls are not.
			calls := 0
			for range 600 {
				time.Sleep(10 * time.Millisecond)
				for c.gate.open.Load() != nil {
					calls++
					c.pass(t.Context(), "get", func(context.Context, server) error { return errFake })
				}
			}
			require.Less(t, calls, 50)
			require.Equal(t, 1, connects)
			c.Close()
		})
	})
	t.Run("closes while connecting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := start(t, func() (server, error) { return nil, errors.New("no") })
			time.Sleep(time.Second)
			c.Close()
			c.Close()
			require.False(t, get(t, c))
		})
	})
}
