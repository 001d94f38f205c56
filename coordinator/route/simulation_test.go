package route

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// load sends calls at a steady rate, as many clients do, and gives their times, ascending, and how many failed.
func (c *cluster) load(calls int, every, timeout time.Duration) (times []time.Duration, failures int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			start := time.Now()
			_, err := c.search(ctx)
			took := time.Since(start)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took)
			if err != nil {
				failures++
			}
		})
		time.Sleep(every)
	}
	wg.Wait()
	slices.Sort(times)
	return times, failures
}

// serve makes every copy answer after a time with a tail: half in 2 ms, one in a hundred in over 10 ms.
func (c *cluster) serve(seed uint64) {
	for i, r := range c.replicas {
		r.does(c.service(seed+uint64(i), 0))
	}
}

// service is how a copy serves, slowed by some time.
func (c *cluster) service(seed uint64, slowed time.Duration) func(context.Context, Call) error {
	random := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	return func(ctx context.Context, call Call) error {
		mu.Lock()
		took := time.Duration(2e6 * math.Exp(0.7*random.NormFloat64()))
		mu.Unlock()
		return wait(took+slowed)(ctx, call)
	}
}

func (c *cluster) shares() (shares []float64) {
	total := float64(c.calls())
	for _, r := range c.replicas {
		shares = append(shares, float64(r.calls.Swap(0))/total)
	}
	return shares
}

func quantile(times []time.Duration, q float64) time.Duration {
	return times[int(math.Ceil(q*float64(len(times))))-1]
}

// TestOneSlowCopy slows one of three copies by 500 ms: the 99th percentile stays within twice the healthy one.
func TestOneSlowCopy(t *testing.T) {
	for _, every := range []time.Duration{200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond} {
		t.Run(fmt.Sprintf("a call every %v", every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 10_000
				c := newCluster(t, 3)
				c.serve(1)
				healthy, failures := c.load(calls, every, 10*time.Second)
				require.Zero(t, failures)
				for _, share := range c.shares() {
					require.InDelta(t, 1.0/3, share, 0.05)
				}
				c.replicas[1].does(c.service(9, 500*time.Millisecond))
				slowed, failures := c.load(calls, every, 10*time.Second)
				require.Zero(t, failures)
				shares := c.shares()
				t.Logf("healthy p50 %v p99 %v, slowed p50 %v p99 %v max %v, shares %.4f, hedges won %d wasted %d denied %d",
					quantile(healthy, 0.5), quantile(healthy, 0.99), quantile(slowed, 0.5), quantile(slowed, 0.99),
					slowed[calls-1], shares, c.hedges(t, hedgeWon), c.hedges(t, hedgeWasted), c.hedges(t, hedgeDenied))
				require.Less(t, quantile(slowed, 0.99), 2*quantile(healthy, 0.99))
				require.Less(t, shares[1], 0.01)
				require.LessOrEqual(t, c.hedges(t, hedgeWon)+c.hedges(t, hedgeWasted), calls*2*hedgePercent/100+hedgeBurst)

				// It recovers, and is found to have within a minute.
				c.replicas[1].does(c.service(9, 0))
				c.load(int(time.Minute/(5*time.Millisecond)), 5*time.Millisecond, 10*time.Second)
				c.shares()
				c.load(calls, every, 10*time.Second)
				for _, share := range c.shares() {
					require.InDelta(t, 1.0/3, share, 0.05)
				}
			})
		})
	}
}

// TestOneLostCopy loses one of three copies in several ways: no call fails.
func TestOneLostCopy(t *testing.T) {
	for _, c := range []struct {
		name string
		hook func(context.Context, Call) error
		p99  time.Duration
	}{
		{"refuses", fail(errRefused), 20 * time.Millisecond},
		{"breaks after a while", func(ctx context.Context, call Call) error {
			if err := wait(10*time.Millisecond)(ctx, call); err != nil {
				return err
			}
			return errRefused
		}, 20 * time.Millisecond},
		{"never answers", hang, 20 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 5_000
				cluster := newCluster(t, 3)
				cluster.serve(2)
				cluster.load(2000, time.Millisecond, time.Second)
				cluster.shares()
				cluster.replicas[2].does(c.hook)
				times, failures := cluster.load(calls, time.Millisecond, time.Second)
				require.Zero(t, failures)
				shares := cluster.shares()
				t.Logf("p50 %v p99 %v max %v, shares %.4f", quantile(times, 0.5), quantile(times, 0.99),
					times[calls-1], shares)
				require.Less(t, quantile(times, 0.99), c.p99)
				require.Less(t, shares[2], 0.02)
			})
		})
	}
}

// TestAllCopiesSlow makes every call late, so that all want a hedge: the budget holds at every moment.
func TestAllCopiesSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.warm(t, 2*time.Millisecond)
		before := counted(t, c.router.metrics.calls.WithLabelValues(kindSparse.String()))
		for _, r := range c.replicas {
			r.does(wait(100 * time.Millisecond))
		}
		total := 0
		for range 50 {
			c.load(20, time.Millisecond, 10*time.Second)
			total += 20
			require.LessOrEqual(t, c.calls(), int64(float64(total)*(1+hedgePercent/100.0))+hedgeBurst)
		}
		require.Greater(t, c.calls(), int64(total))
		require.Equal(t, before+total, counted(t, c.router.metrics.calls.WithLabelValues(kindSparse.String())))
		require.Positive(t, c.hedges(t, hedgeDenied))
	})
}
