package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/sparse"
)

var errRefused = errors.New("connection refused")

// only makes one copy the one that is asked first: all others are suspect.
func (c *cluster) only(at int) {
	for i, r := range c.replicas {
		if i != at {
			c.router.nodes.get(r.node).suspect(time.Now())
		}
	}
}

// first makes one copy the cheapest and local, so that it is always looked at.
func (c *cluster) first(at int) {
	for i, r := range c.replicas {
		c.view.Copies[i].Local = i == at
		n := c.router.nodes.get(r.node)
		for k := range kinds {
			n.latencies[k] = estimate{}
			if i != at {
				n.latencies[k].observe(time.Millisecond, time.Now())
			}
		}
	}
}

// virtual runs a test in which time is virtual: nothing is late because the machine is busy.
func virtual(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestEveryKindOfCall(t *testing.T) {
	c := newCluster(t, 3)
	s := c.router.Shard(c.view, 9)
	term := sparse.TermKey{Field: "body", Term: "x"}
	top, stats, err := s.SearchSparse(t.Context(), sparse.Request{K: 5}, []sparse.TermKey{term})
	require.NoError(t, err)
	require.Equal(t, 5, top.Total)
	require.Equal(t, uint64(1), stats.Terms[term])
	near, err := s.SearchDense(t.Context(), query.DenseRequest{K: 6})
	require.NoError(t, err)
	require.Equal(t, 6, near.Total)
	stored, err := s.Fetch(t.Context(), []string{"a"})
	require.NoError(t, err)
	require.Equal(t, "a", stored[0].ID)
	n, err := s.Count(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 7, n)
	stats, err = s.Statistics(t.Context(), []sparse.TermKey{term})
	require.NoError(t, err)
	require.Equal(t, uint64(3), stats.Terms[term])
	present, err := s.Current(t.Context(), []string{"a", "b"}, 1)
	require.NoError(t, err)
	require.Len(t, present.Versions, 2)
	selected, err := s.SelectIDs(t.Context(), nil, 1)
	require.NoError(t, err)
	require.Len(t, selected, 1)
	position, err := s.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(5), position.Version)
	for _, r := range c.replicas {
		if r.calls.Load() > 0 {
			require.Equal(t, Call{Epoch: 4, MinIndex: 9}, r.last)
		}
	}
	for k := range kinds {
		require.Equal(t, 1, counted(t, c.router.metrics.calls.WithLabelValues(k.String())))
	}
}

func TestPositions(t *testing.T) {
	c := newCluster(t, 1)
	r := c.replicas[0]
	r.mark = Mark{Epoch: 4, Applied: 12}
	s := c.router.Shard(c.view, 9)
	least := func(f func() error) uint64 {
		require.NoError(t, f())
		return r.last.MinIndex
	}
	position := func() error { _, err := s.Position(t.Context()); return err }
	fetch := func() error { _, err := s.Fetch(t.Context(), []string{"a"}); return err }
	require.Equal(t, uint64(9), least(position))
	// What follows shows no less.
	require.Equal(t, uint64(12), least(fetch))
	// A copy that is behind does not take it back.
	r.mark.Applied = 5
	require.Equal(t, uint64(12), least(position))
	require.Equal(t, uint64(12), least(fetch))
	// One that is ahead binds the next position, but not the other calls.
	r.mark.Applied = 20
	require.Equal(t, uint64(12), least(fetch))
	require.Equal(t, uint64(12), least(fetch))
	require.Equal(t, uint64(20), least(position))
}

func TestRetry(t *testing.T) {
	virtual(t, "a failed copy is replaced and avoided", func(t *testing.T) {
		c := newCluster(t, 3)
		c.replicas[0].does(fail(api.ErrUnavailable))
		for range 1000 {
			_, err := c.search(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, int64(1), c.replicas[0].calls.Load())
		require.Equal(t, 1, c.retries(t, reasonUnavailable))
		// After the suspicion one call tries it; it has come back.
		c.replicas[0].does(nil)
		time.Sleep(suspicion)
		for range 300 {
			_, err := c.search(t.Context())
			require.NoError(t, err)
		}
		require.Greater(t, c.replicas[0].calls.Load(), int64(50))
	})
	virtual(t, "all copies are tried, each once", func(t *testing.T) {
		c := newCluster(t, 5)
		for _, r := range c.replicas[1:] {
			r.does(fail(fmt.Errorf("dial: %w", errRefused)))
		}
		c.first(4)
		node, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, "n0", node)
		for _, r := range c.replicas {
			require.LessOrEqual(t, r.calls.Load(), int64(1))
		}
		c.replicas[0].does(fail(errors.New("disk")))
		_, err = c.search(t.Context())
		require.ErrorContains(t, err, "shard s-0")
	})
	virtual(t, "a node that failed is avoided for every shard", func(t *testing.T) {
		c := newCluster(t, 2, func(cfg *Config) {
			cfg.NodeFailed = func(err error) bool { return errors.Is(err, errRefused) }
		})
		c.replicas[0].does(fail(errRefused))
		c.first(0)
		for i := range 20 {
			c.view.ID = fmt.Sprintf("s-%d", i)
			_, err := c.search(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, int64(1), c.replicas[0].calls.Load())
		require.Equal(t, 1, c.retries(t, reasonNode))
	})
	virtual(t, "the query's fault is not repeated", func(t *testing.T) {
		c := newCluster(t, 3)
		for _, err := range []error{sparse.ErrQuery, sparse.ErrTooMany} {
			for _, r := range c.replicas {
				r.does(fail(fmt.Errorf("search: %w", err)))
				r.calls.Store(0)
			}
			_, got := c.search(t.Context())
			require.ErrorIs(t, got, err)
			require.Equal(t, int64(1), c.calls())
		}
	})
	virtual(t, "a panic is contained and not repeated", func(t *testing.T) {
		for _, copies := range []int{1, 3} {
			c := newCluster(t, copies)
			for _, r := range c.replicas {
				r.does(func(context.Context, Call) error { panic("broken") })
			}
			_, err := c.search(t.Context())
			require.ErrorContains(t, err, "panic: broken")
			require.True(t, query.Final(err))
			require.Equal(t, int64(1), c.calls())
		}
	})
	virtual(t, "the budget ends it", func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.RetryBurst, cfg.RetryPercent = 4, 0 })
		for _, r := range c.replicas {
			r.does(fail(api.ErrOverloaded))
		}
		for range 10 {
			_, err := c.search(t.Context())
			require.ErrorIs(t, err, api.ErrOverloaded)
		}
		require.Equal(t, int64(14), c.calls())
		require.Equal(t, 4, c.retries(t, reasonOverload))
		require.Equal(t, 8, counted(t, c.router.metrics.denied))
	})
	virtual(t, "no copy", func(t *testing.T) {
		c := newCluster(t, 0)
		_, err := c.search(t.Context())
		require.ErrorIs(t, err, ErrNoCopy)
		require.ErrorIs(t, err, api.ErrUnavailable)
	})
	virtual(t, "an only copy that fails", func(t *testing.T) {
		c := newCluster(t, 1)
		c.replicas[0].does(fail(errRefused))
		for range 3 {
			_, err := c.search(t.Context())
			require.ErrorIs(t, err, errRefused)
		}
		require.Equal(t, int64(3), c.calls())
		c.replicas[0].does(nil)
		_, err := c.search(t.Context())
		require.NoError(t, err)
	})
}

// calls is how often all copies were asked.
func (c *cluster) calls() int64 {
	n := int64(0)
	for _, r := range c.replicas {
		n += r.calls.Load()
	}
	return n
}

func TestStuck(t *testing.T) {
	virtual(t, "half the time is waited", func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.HedgeBurst, cfg.HedgePercent = 0, 0 })
		c.replicas[0].does(hang)
		c.first(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.search(ctx)
		require.NoError(t, err)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
		require.Equal(t, 1, c.retries(t, reasonSlow))
		require.Equal(t, 1, c.hedges(t, hedgeDenied))
		synctest.Wait() // the call given up has been noted
		c.first(0)
		start = time.Now()
		_, err = c.search(t.Context())
		require.NoError(t, err)
		require.Zero(t, time.Since(start), "the node is suspect")
	})
	virtual(t, "all stuck ends with the time", func(t *testing.T) {
		c := newCluster(t, 3)
		for _, r := range c.replicas {
			r.does(hang)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.search(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, int64(3), c.calls())
	})
	virtual(t, "a client that leaves ends it, and is no fault of the copy", func(t *testing.T) {
		c := newCluster(t, 3)
		c.replicas[0].does(hang)
		c.only(0)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err := c.search(ctx)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		require.Equal(t, int64(1), c.replicas[0].cancelled.Load())
		require.False(t, c.router.nodes.get("n0").health.suspect(time.Now()))
		require.Zero(t, c.router.nodes.get("n0").flying.Load())
	})
}

func TestHedge(t *testing.T) {
	virtual(t, "the first answer wins and the other call is cancelled", func(t *testing.T) {
		c := newCluster(t, 3)
		c.warm(t, 2*time.Millisecond)
		c.replicas[1].does(hang)
		c.first(1)
		start := time.Now()
		node, err := c.search(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, "n1", node)
		require.InDelta(t, 2*time.Millisecond, time.Since(start), float64(time.Millisecond))
		synctest.Wait()
		require.Equal(t, int64(1), c.replicas[1].cancelled.Load())
		require.Equal(t, 1, c.hedges(t, hedgeWon))
		// It is known to be slow now.
		for range 100 {
			node, err = c.search(t.Context())
			require.NoError(t, err)
			require.NotEqual(t, "n1", node)
		}
	})
	virtual(t, "wasted if the first copy is faster after all", func(t *testing.T) {
		c := newCluster(t, 2)
		c.warm(t, 2*time.Millisecond)
		c.replicas[0].does(wait(5 * time.Millisecond))
		c.replicas[1].does(hang)
		c.first(0)
		node, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, "n0", node)
		synctest.Wait()
		require.Equal(t, int64(1), c.replicas[1].cancelled.Load())
		require.Equal(t, 1, c.hedges(t, hedgeWasted))
	})
	virtual(t, "no second hedge, no hedge to a suspect", func(t *testing.T) {
		c := newCluster(t, 3)
		c.warm(t, 2*time.Millisecond)
		for _, r := range c.replicas {
			r.does(wait(100 * time.Millisecond))
		}
		_, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(2), c.calls())
		c.only(0)
		_, err = c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(3), c.calls())
	})
	virtual(t, "a hedge stands in for a copy that fails late", func(t *testing.T) {
		c := newCluster(t, 2)
		c.warm(t, 2*time.Millisecond)
		c.replicas[0].does(func(ctx context.Context, call Call) error {
			return errors.Join(wait(10*time.Millisecond)(ctx, call), errRefused)
		})
		c.replicas[1].does(wait(20 * time.Millisecond))
		c.first(0)
		node, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, "n1", node)
		require.Equal(t, 1, c.hedges(t, hedgeWon))
	})
	virtual(t, "without samples after 50 ms", func(t *testing.T) {
		c := newCluster(t, 2)
		c.replicas[0].does(hang)
		c.first(0)
		start := time.Now()
		_, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, coldHedgeDelay, time.Since(start))
	})
}

func TestStaleEpoch(t *testing.T) {
	refuse := func(_ context.Context, call Call) error {
		if call.Epoch < 5 {
			return fmt.Errorf("search: %w", errStale(5))
		}
		return nil
	}
	build := func(t *testing.T, refresh func(*cluster) (ShardView, bool)) (*cluster, *[]uint64, *int) {
		told, asked := []uint64{}, 0
		var c *cluster
		c = newCluster(t, 3, func(cfg *Config) {
			cfg.OnStale = func(shard string, epoch uint64) {
				require.Equal(t, "s-0", shard)
				told = append(told, epoch)
			}
			cfg.Refresh = func(_ context.Context, shard string, epoch uint64) (ShardView, bool) {
				require.Equal(t, "s-0", shard)
				require.Equal(t, uint64(5), epoch)
				asked++
				return refresh(c)
			}
		})
		for _, r := range c.replicas {
			r.does(refuse)
		}
		return c, &told, &asked
	}
	virtual(t, "is refreshed for the rest of the search", func(t *testing.T) {
		c, told, asked := build(t, func(c *cluster) (ShardView, bool) {
			return ShardView{ID: "s-0", Epoch: 5, Copies: c.view.Copies[:1]}, true
		})
		s := c.router.Shard(c.view, 0)
		for range 3 {
			_, err := s.Count(t.Context(), nil)
			require.NoError(t, err)
		}
		require.Equal(t, []uint64{5}, *told)
		require.Equal(t, 1, *asked)
		require.Equal(t, 1, c.retries(t, reasonStale))
		require.Equal(t, Call{Epoch: 5}, c.replicas[0].last)
		for i := range c.replicas {
			state := c.router.copies.get(copyKey{"s-0", c.replicas[i].node})
			require.False(t, state.health.suspect(time.Now()), "a copy that knows better is in order")
		}
	})
	virtual(t, "no newer view: the other copies are tried", func(t *testing.T) {
		c, _, asked := build(t, func(*cluster) (ShardView, bool) { return ShardView{}, false })
		c.replicas[2].does(nil)
		for range 20 {
			_, err := c.search(t.Context())
			require.NoError(t, err)
		}
		require.Positive(t, *asked)
		for _, r := range c.replicas {
			r.does(refuse)
		}
		*asked = 0
		_, err := c.search(t.Context())
		var stale errStale
		require.ErrorAs(t, err, &stale)
		require.Equal(t, 1, *asked)
	})
	virtual(t, "a view that is no newer ends", func(t *testing.T) {
		c, _, asked := build(t, func(c *cluster) (ShardView, bool) { return c.view, true })
		_, err := c.search(t.Context())
		require.Error(t, err)
		require.Equal(t, 1, *asked)
	})
	virtual(t, "a replica behind is only replaced", func(t *testing.T) {
		c, told, asked := build(t, nil)
		for _, r := range c.replicas[1:] {
			r.does(nil)
		}
		c.replicas[0].does(fail(errStale(3)))
		c.first(0)
		_, err := c.search(t.Context())
		require.NoError(t, err)
		require.Empty(t, *told)
		require.Zero(t, *asked)
	})
	virtual(t, "an answer of a newer epoch is told", func(t *testing.T) {
		c, told, _ := build(t, nil)
		for _, r := range c.replicas {
			r.does(nil)
			r.mark.Epoch = 6
		}
		_, err := c.search(t.Context())
		require.NoError(t, err)
		require.Equal(t, []uint64{6}, *told)
	})
	virtual(t, "a refresh gets half of what is left", func(t *testing.T) {
		c := newCluster(t, 1, func(cfg *Config) {
			cfg.Refresh = func(ctx context.Context, _ string, _ uint64) (ShardView, bool) {
				<-ctx.Done()
				return ShardView{}, false
			}
		})
		c.replicas[0].does(refuse)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.search(ctx)
		var stale errStale
		require.ErrorAs(t, err, &stale)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
	})
}

func TestFreshness(t *testing.T) { synctest.Test(t, testFreshness) }

func testFreshness(t *testing.T) {
	c := newCluster(t, 4)
	c.view.Leader = "n3"
	for i, r := range c.replicas {
		r.mark.Applied = uint64(10 * i)
	}
	// Each copy is heard of once.
	for i := range c.replicas {
		c.router.nodes = table[string, node]{limit: maxNodes}
		c.first(i)
		_, err := c.search(t.Context())
		require.NoError(t, err)
	}
	c.view.Copies[3].Local = false
	asked := func(min uint64) (nodes []string) {
		c.router.nodes = table[string, node]{limit: maxNodes}
		for range 100 {
			top, _, err := c.router.Shard(c.view, min).SearchSparse(t.Context(), sparse.Request{}, nil)
			require.NoError(t, err)
			if node := top.Hits[0].ID; !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
		slices.Sort(nodes)
		return nodes
	}
	require.Equal(t, []string{"n0", "n1", "n2", "n3"}, asked(0))
	require.Equal(t, []string{"n1", "n2", "n3"}, asked(10))
	require.Equal(t, []string{"n3"}, asked(31), "the leader has it")
	c.view.Leader = ""
	require.Equal(t, []string{"n0", "n1", "n2", "n3"}, asked(31), "any may catch up")
	c.view.Leader = "n3"
	c.replicas[3].does(fail(errRefused))
	require.Equal(t, []string{"n0", "n1", "n2"}, asked(31), "no other is left")
}

func TestLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.view.Copies[1].Local = true
		for i, r := range c.replicas {
			r.does(wait(300 * time.Microsecond))
			if i == 1 {
				r.does(wait(100 * time.Microsecond))
			}
		}
		for range 1000 {
			_, err := c.search(t.Context())
			require.NoError(t, err)
		}
		require.Greater(t, c.replicas[1].calls.Load(), int64(950))
	})
}
