package embedclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

func TestBatching(t *testing.T) {
	t.Run("by number of texts", func(t *testing.T) {
		f := &fakeService{}
		c := newFake(t, f, func(c *Config) { c.BatchSize, c.Concurrency = 2, 1 })
		texts := []string{"a", "bb", "ccc", "dddd", "eeeee", "a"}
		vectors, err := c.Embed(t.Context(), Passage, texts)
		require.NoError(t, err)
		for i, text := range texts {
			require.Equal(t, fakeVector(text), vectors[i])
		}
		require.ElementsMatch(t, [][]string{{"a", "bb"}, {"ccc", "dddd"}, {"eeeee"}}, f.seen())
	})
	t.Run("by bytes", func(t *testing.T) {
		f := &fakeService{}
		c := newFake(t, f, func(c *Config) { c.BatchBytes, c.PassagePrefix = 10, "p:" })
		_, err := c.Embed(t.Context(), Passage, []string{"123", "456", "7", strings.Repeat("x", 50), "8"})
		require.NoError(t, err)
		require.ElementsMatch(t, [][]string{
			{"p:123", "p:456"}, {"p:7"}, {"p:" + strings.Repeat("x", 50)}, {"p:8"},
		}, f.seen())
	})
	t.Run("kinds have places of their own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeService{answer: func(int, []string) fakeAnswer { return fakeAnswer{after: time.Second} }}
			c := newFake(t, f, func(c *Config) { c.BatchSize, c.Concurrency = 1, 3 })
			texts := make([]string, 30)
			for i := range texts {
				texts[i] = fmt.Sprint("passage ", i)
			}
			start := time.Now()
			loaded := make(chan error)
			go func() {
				_, err := c.Embed(t.Context(), Passage, texts)
				loaded <- err
			}()
			synctest.Wait()
			require.Equal(t, 3, f.peak)
			_, err := c.Embed(t.Context(), Query, []string{"query"})
			require.NoError(t, err)
			require.Equal(t, time.Second, time.Since(start))
			require.NoError(t, <-loaded)
			require.Equal(t, 10*time.Second, time.Since(start))
			require.Equal(t, 4, f.peak)
		})
	})
}

// rejecting refuses requests with a text that has "bad" in it.
func rejecting(_ int, texts []string) fakeAnswer {
	for _, text := range texts {
		if strings.Contains(text, "bad") {
			return fakeAnswer{status: 400, body: `{"error":{"message":"too long"}}`}
		}
	}
	return fakeAnswer{}
}

func TestRejectedTextsAreFound(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		c := newFake(t, &fakeService{answer: rejecting}, nil)
		_, err := c.Embed(t.Context(), Passage, []string{"bad"})
		var batch *BatchError
		require.NotErrorAs(t, err, &batch)
		require.ErrorIs(t, err, ErrRejected)
		require.ErrorContains(t, err, "status 400: too long")
	})
	t.Run("wherever they are", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			bad := rapid.SliceOfN(rapid.Bool(), 2, 40).Draw(rt, "bad")
			texts, any := make([]string, len(bad)), false
			for i := range bad {
				texts[i] = fmt.Sprint("good ", i)
				if bad[i] {
					texts[i], any = fmt.Sprint("bad ", i), true
				}
			}
			f := &fakeService{answer: rejecting}
			c := newFake(t, f, func(c *Config) { c.BatchSize = 16 })
			vectors, err := c.Embed(t.Context(), Passage, texts)
			var batch *BatchError
			require.Equal(rt, any, errors.As(err, &batch))
			for i := range bad {
				if bad[i] {
					require.ErrorIs(rt, batch.Errs[i], ErrRejected)
					require.Nil(rt, vectors[i])
					continue
				}
				require.True(rt, batch == nil || batch.Errs[i] == nil)
				require.Equal(rt, fakeVector(texts[i]), vectors[i])
			}
			require.LessOrEqual(rt, len(f.seen()), 2*len(bad))
		})
	})
	t.Run("invalid utf-8 is not sent", func(t *testing.T) {
		f := &fakeService{}
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, []string{"ok", "\xff"})
		require.ErrorIs(t, err, ErrRejected)
		require.EqualError(t, err, "1 of 2 texts failed, the first at 1: text rejected: not valid UTF-8")
		require.Equal(t, [][]string{{"ok"}}, f.seen())
	})
	t.Run("a refused key is nobody's fault", func(t *testing.T) {
		f := &fakeService{answer: failing(401, 99)}
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, []string{"a", "b", "c", "d"})
		require.ErrorIs(t, err, ErrUnavailable)
		require.NotErrorIs(t, err, ErrRejected)
		require.Len(t, f.seen(), 1)
	})
}

func TestCallersAreApart(t *testing.T) {
	run := func(name string, test func(t *testing.T, f *fakeService, c *Client)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeService{answer: func(int, []string) fakeAnswer { return fakeAnswer{after: time.Second} }}
				test(t, f, newFake(t, f, nil))
			})
		})
	}
	type result struct {
		vectors [][]float32
		err     error
	}
	embed := func(ctx context.Context, c *Client, kind Kind, texts ...string) chan result {
		done := make(chan result, 1)
		go func() {
			vectors, err := c.Embed(ctx, kind, texts)
			done <- result{vectors, err}
		}()
		synctest.Wait()
		return done
	}
	run("equal texts are sent once, and owned by each", func(t *testing.T, f *fakeService, c *Client) {
		first := embed(t.Context(), c, Passage, "same", "other")
		second := embed(t.Context(), c, Passage, "same")
		query := embed(t.Context(), c, Query, "same")
		a, b, q := <-first, <-second, <-query
		require.NoError(t, errors.Join(a.err, b.err, q.err))
		require.Equal(t, a.vectors[0], b.vectors[0])
		a.vectors[0][0] = 99
		require.Equal(t, fakeVector("same"), b.vectors[0])
		require.Equal(t, [][]string{{"same", "other"}, {"same"}}, f.seen(), "kinds don't share")
	})
	run("a canceled caller does not fail the others", func(t *testing.T, f *fakeService, c *Client) {
		ctx, cancel := context.WithCancel(t.Context())
		first := embed(ctx, c, Query, "same")
		second := embed(t.Context(), c, Query, "same")
		cancel()
		require.ErrorIs(t, (<-first).err, context.Canceled)
		require.NoError(t, (<-second).err)
		require.Len(t, f.seen(), 1)
	})
	run("a deadline ends the wait exactly", func(t *testing.T, f *fakeService, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.Embed(ctx, Query, []string{"slow"})
		require.ErrorIs(t, err, ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 300*time.Millisecond, time.Since(start))
	})
	run("finished texts are returned at the deadline", func(t *testing.T, f *fakeService, c *Client) {
		c.cfg.Cache = newMapCache()
		_, err := c.Embed(t.Context(), Query, []string{"cached"})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		vectors, err := c.Embed(ctx, Query, []string{"cached", "slow"})
		var batch *BatchError
		require.ErrorAs(t, err, &batch)
		require.NoError(t, batch.Errs[0])
		require.ErrorIs(t, batch.Errs[1], ErrTimeout)
		require.Equal(t, fakeVector("cached"), vectors[0])
	})
	run("a batch nobody waits for is not retried", func(t *testing.T, f *fakeService, c *Client) {
		f.answer = func(int, []string) fakeAnswer { return fakeAnswer{status: 429, retryAfter: "20"} }
		ctx, cancel := context.WithCancel(t.Context())
		done := embed(ctx, c, Query, "x")
		cancel()
		require.ErrorIs(t, (<-done).err, context.Canceled)
		time.Sleep(time.Minute)
		require.Len(t, f.seen(), 1)
		f.answer = nil
		require.NoError(t, (<-embed(t.Context(), c, Query, "x")).err)
	})
	run("close ends all calls", func(t *testing.T, f *fakeService, c *Client) {
		done := embed(t.Context(), c, Query, "x")
		start := time.Now()
		require.NoError(t, c.Close())
		require.ErrorIs(t, (<-done).err, ErrClosed)
		require.Zero(t, time.Since(start))
		_, err := c.Embed(t.Context(), Query, []string{"x"})
		require.ErrorIs(t, err, ErrClosed)
		f.closed = make(chan struct{})
		require.NoError(t, c.Close())
	})
	run("many callers with many overlapping texts", func(t *testing.T, f *fakeService, c *Client) {
		var callers sync.WaitGroup
		for i := range 50 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Millisecond)
				defer cancel()
				texts := []string{fmt.Sprint(i % 7), fmt.Sprint(i % 5), fmt.Sprint(i)}
				vectors, err := c.Embed(ctx, Query, texts)
				for j := range vectors {
					if vectors[j] != nil {
						require.Equal(t, fakeVector(texts[j]), vectors[j])
					}
				}
				if err != nil {
					require.ErrorIs(t, err, ErrTimeout)
				}
			})
		}
		callers.Wait()
		require.Empty(t, c.dense.flights)
	})
}

// mapCache is a Cache that forgets nothing.
type mapCache struct {
	mu     sync.Mutex
	values map[string][]byte
}

func newMapCache() *mapCache { return &mapCache{values: map[string][]byte{}} }

func (m *mapCache) GetMany(_ context.Context, keys []string) [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.values[key]
	}
	return values
}

func (m *mapCache) Set(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
}

func TestCaching(t *testing.T) {
	reg := prometheus.NewRegistry()
	f, cache := &fakeService{}, newMapCache()
	with := func(c *Config) { c.Cache = cache }
	c := newFakeWith(t, f, with, reg)
	for range 3 {
		vectors, err := c.Embed(t.Context(), Query, []string{"a"})
		require.NoError(t, err)
		require.Equal(t, fakeVector("a"), vectors[0])
		vectors[0][0] = -1 // the caller's own
		_, err = c.Embed(t.Context(), Passage, []string{"a"})
		require.NoError(t, err)
	}
	require.Len(t, f.seen(), 4, "one query, and each passage")
	require.InDelta(t, 2, value(t, c.metrics.hits.WithLabelValues("query")), 0)
	require.InDelta(t, 1, value(t, c.metrics.misses.WithLabelValues("query")), 0)

	t.Run("some are known", func(t *testing.T) {
		f := &fakeService{}
		texts := []string{"new", "a", "newer", "a"}
		vectors, err := newFake(t, f, with).Embed(t.Context(), Query, texts)
		require.NoError(t, err)
		for i, text := range texts {
			require.Equal(t, fakeVector(text), vectors[i])
		}
		require.Equal(t, [][]string{{"new", "newer"}}, f.seen())
	})
	t.Run("queries that differ in white space are one", func(t *testing.T) {
		f := &fakeService{}
		c := newFake(t, f, with)
		vectors, err := c.Embed(t.Context(), Query, []string{" b\tc\n", "b c", "b  c", "caf\u0065\u0301"})
		require.NoError(t, err)
		require.Equal(t, [][]string{{"b c", "caf\u00e9"}}, f.seen())
		require.Equal(t, vectors[0], vectors[2])
		_, err = c.Embed(t.Context(), Query, []string{" \n"})
		require.NoError(t, err)
		require.Equal(t, []string{" \n"}, f.seen()[1])
		_, err = c.Embed(t.Context(), Passage, []string{" b\tc\n"})
		require.NoError(t, err)
		require.Equal(t, []string{" b\tc\n"}, f.seen()[2])
	})
	t.Run("services and models are told apart", func(t *testing.T) {
		for i, change := range []func(*Config){
			func(c *Config) { c.URL = "http://other" },
			func(c *Config) { c.Model = "m" },
			func(c *Config) { c.QueryModel = "n" },
			func(c *Config) { c.QueryPrefix = "query: " },
			func(c *Config) { c.QueryInputType = "q" },
			func(c *Config) { c.Dims = 0 },
		} {
			f := &fakeService{}
			c := newFake(t, f, func(c *Config) { with(c); change(c) })
			_, err := c.Embed(t.Context(), Query, []string{"a"})
			require.NoError(t, err)
			require.Len(t, f.seen(), 1, i)
		}
	})
	t.Run("what is no vector is not taken", func(t *testing.T) {
		cache := newMapCache()
		f := &fakeService{}
		c := newFake(t, f, func(c *Config) { c.Cache = cache })
		for i, data := range [][]byte{{}, {1, 2, 3}, make([]byte, 12)} {
			cache.Set(keyOf(c.dense.identity, "a"), data)
			vectors, err := c.Embed(t.Context(), Query, []string{"a"})
			require.NoError(t, err)
			require.Equal(t, fakeVector("a"), vectors[0])
			require.Len(t, f.seen(), i+1)
		}
	})
	t.Run("failures are not kept", func(t *testing.T) {
		f := &fakeService{answer: failing(400, 1)}
		c := newFake(t, f, func(c *Config) { c.Cache = newMapCache() })
		_, err := c.Embed(t.Context(), Query, []string{"a"})
		require.ErrorIs(t, err, ErrRejected)
		for range 2 {
			_, err = c.Embed(t.Context(), Query, []string{"a"})
			require.NoError(t, err)
		}
		require.Len(t, f.seen(), 2)
	})
	t.Run("a second client needs labels of its own", func(t *testing.T) {
		_, err := newClient(c.cfg, nil, reg, f)
		require.ErrorContains(t, err, "register embedding metrics")
		shared := prometheus.NewRegistry()
		for _, index := range []string{"a", "b"} {
			labels := prometheus.Labels{"index": index}
			newFakeWith(t, &fakeService{}, nil, prometheus.WrapRegistererWith(labels, shared))
		}
	})
	t.Run("names are those operators know", func(t *testing.T) {
		families, err := reg.Gather()
		require.NoError(t, err)
		names := map[string]bool{}
		for _, family := range families {
			names[family.GetName()] = true
		}
		for _, name := range []string{
			"embedding_requests_total", "embedding_duration_seconds", "embedding_cache_hits_total",
			"embedding_cache_misses_total", "embedding_breaker_state",
		} {
			require.True(t, names[name], name)
		}
	})
}

func TestVectorsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vector := rapid.SliceOf(rapid.Float32()).Draw(t, "vector")
		got, ok := decodeVector[float32](encodeVector(vector), len(vector))
		require.True(t, ok)
		require.Equal(t, len(vector), len(got))
		for i := range vector {
			require.Equal(t, math.Float32bits(vector[i]), math.Float32bits(got[i]))
		}
		sparse := []api.SparseEntry{}
		for i, x := range vector {
			sparse = append(sparse, api.SparseEntry{Dim: uint32(i), Weight: x})
		}
		entries, ok := decodeVector[api.SparseEntry](encodeVector(sparse), 0)
		require.True(t, ok)
		require.Equal(t, len(sparse), len(entries))
		_, ok = decodeVector[float32](encodeVector(vector), len(vector)+1)
		require.False(t, ok)
	})
}

func TestBadKind(t *testing.T) {
	c := newFake(t, &fakeService{}, nil)
	for _, kind := range []Kind{0, 3} {
		_, err := c.Embed(t.Context(), kind, []string{"a"})
		require.ErrorIs(t, err, ErrBadKind)
	}
	_, err := c.EmbedSparse(t.Context(), Query, []string{"a"})
	require.ErrorIs(t, err, ErrUnsupported)
}
