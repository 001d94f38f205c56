package route

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var epoch0 = time.Unix(1_700_000_000, 0)

func TestChoose(t *testing.T) {
	draw := func(t *rapid.T) []candidate {
		local := rapid.IntRange(-1, 9).Draw(t, "local")
		out := make([]candidate, rapid.IntRange(1, 9).Draw(t, "candidates"))
		for i := range out {
			out[i] = candidate{
				tier: rapid.IntRange(tierReady, tierSuspect).Draw(t, "tier"), local: i == local,
				cost: float64(rapid.IntRange(1, 5).Draw(t, "cost")),
			}
		}
		return out
	}
	t.Run("takes the best tier and never its dearest", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			candidates := draw(t)
			random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			chosen := candidates[choose(candidates, random.IntN)]
			var costs []float64
			for _, c := range candidates {
				require.LessOrEqual(t, chosen.tier, c.tier)
				if c.tier == chosen.tier {
					costs = append(costs, c.cost)
				}
				if c.tier == chosen.tier && c.local {
					require.LessOrEqual(t, chosen.cost, c.cost)
				}
			}
			slices.Sort(costs)
			if n := len(costs); n > 1 && costs[n-1] > costs[n-2] {
				require.Less(t, chosen.cost, costs[n-1])
			}
		})
	})
	t.Run("equal ones are chosen equally often", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, local := range []bool{false, true} {
			candidates := []candidate{{cost: 1, local: local}, {cost: 1}, {cost: 1}, {cost: 9}, {tier: tierSuspect}}
			var times [5]int
			for range 30_000 {
				times[choose(candidates, random.IntN)]++
			}
			require.Zero(t, times[3]+times[4])
			require.InDelta(t, times[1], times[2], 1000)
			if !local {
				require.InDelta(t, times[0], times[1], 1000)
			}
		}
	})
	t.Run("allocates nothing", func(t *testing.T) {
		candidates := []candidate{{cost: 1}, {cost: 1}, {cost: 1}}
		require.Zero(t, testing.AllocsPerRun(100, func() { choose(candidates, rand.IntN) }))
	})
}

func TestEstimate(t *testing.T) {
	t.Run("stays between what was measured", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			var e estimate
			now := epoch0
			least, most := time.Duration(math.MaxInt64), leastLatency
			for range rapid.IntRange(1, 20).Draw(t, "samples") {
				now = now.Add(time.Duration(rapid.IntRange(0, int(time.Minute)).Draw(t, "pause")))
				took := time.Duration(rapid.IntRange(int(leastLatency), int(time.Second)).Draw(t, "took"))
				least, most = min(least, took), max(most, took)
				e.observe(took, now)
				require.GreaterOrEqual(t, e.value(now), least-1)
				require.LessOrEqual(t, e.value(now), most)
			}
			before := e.value(now)
			e.atLeast(before/2, now)
			require.Equal(t, before, e.value(now))
			require.InDelta(t, max(before/2, leastLatency), e.value(now.Add(halfLife)), 2)
			e.atLeast(2*before, now)
			require.Greater(t, e.value(now), before)
			require.LessOrEqual(t, e.value(now), 4*before)
			require.Equal(t, leastLatency, e.value(now.Add(time.Hour)))
		})
	})
	t.Run("knows nothing at first", func(t *testing.T) {
		require.Equal(t, leastLatency, estimate{}.value(epoch0))
	})
	t.Run("follows a change", func(t *testing.T) {
		var e estimate
		for i := range 40 {
			took := time.Millisecond
			if i >= 20 {
				took = 10 * time.Millisecond
			}
			e.observe(took, epoch0)
		}
		require.InDelta(t, 10*time.Millisecond, e.value(epoch0), float64(200*time.Microsecond))
	})
}

func TestWindow(t *testing.T) {
	t.Run("quantile is within a bucket of the exact one", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			var w window
			exact := make([]time.Duration, rapid.IntRange(minHedgeSamples, 400).Draw(t, "samples"))
			for i := range exact {
				took := math.Exp(rapid.Float64Range(math.Log(1e6), math.Log(10e9)).Draw(t, "took"))
				exact[i] = time.Duration(took)
				w.observe(exact[i], epoch0)
			}
			slices.Sort(exact)
			want := exact[int(math.Ceil(hedgeQuantile*float64(len(exact))))-1]
			got := w.hedgeAfter(epoch0)
			require.GreaterOrEqual(t, got, want-1)
			require.LessOrEqual(t, float64(got), float64(want)*math.Exp2(1.0/bucketsPerOctave)+1)
		})
	})
	fill := func(w *window, n int, took time.Duration, now time.Time) {
		for range n {
			w.observe(took, now)
		}
	}
	t.Run("few samples say nothing", func(t *testing.T) {
		var w window
		fill(&w, minHedgeSamples-1, time.Second, epoch0)
		require.Equal(t, coldHedgeDelay, w.hedgeAfter(epoch0))
		fill(&w, 1, time.Second, epoch0)
		require.InDelta(t, time.Second, w.hedgeAfter(epoch0), 0.1*float64(time.Second))
	})
	t.Run("is never below the least delay", func(t *testing.T) {
		var w window
		fill(&w, 200, 0, epoch0)
		require.Equal(t, minHedgeDelay, w.hedgeAfter(epoch0))
	})
	t.Run("is bounded from above", func(t *testing.T) {
		var w window
		fill(&w, 200, time.Hour, epoch0)
		require.Equal(t, bucketEnd(windowBuckets-1), w.hedgeAfter(epoch0))
	})
	t.Run("forgets", func(t *testing.T) {
		var w window
		fill(&w, 200, time.Second, epoch0)
		fill(&w, 200, 2*time.Millisecond, epoch0.Add(generation))
		require.Greater(t, w.hedgeAfter(epoch0.Add(generation)), 900*time.Millisecond)
		fill(&w, 200, 2*time.Millisecond, epoch0.Add(2*generation))
		require.Less(t, w.hedgeAfter(epoch0.Add(2*generation)), 3*time.Millisecond)
		require.Equal(t, coldHedgeDelay, w.hedgeAfter(epoch0.Add(5*generation)))
	})
}

func TestBudgetReserve(t *testing.T) {
	b := newBudget(5, 20)
	taken := 0
	for b.take(10) {
		taken++
	}
	require.Equal(t, 10, taken)
	for b.take(0) {
		taken++
	}
	require.Equal(t, 20, taken)
}

func TestBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent, burst := rapid.Float64Range(0, 100).Draw(t, "percent"), rapid.IntRange(0, 30).Draw(t, "burst")
		b := newBudget(percent, burst)
		calls, extra, since := 0, 0, 0
		for _, earn := range rapid.SliceOfN(rapid.Bool(), 0, 500).Draw(t, "events") {
			if earn {
				b.earn()
				calls++
				since++
			} else if b.take(0) {
				extra++
				since = 0
			} else {
				require.LessOrEqual(t, float64(since)*percent/100, 1.0, "denied too much")
			}
			require.LessOrEqual(t, float64(extra), float64(calls)*percent/100+float64(burst)+1e-9)
		}
	})
}

func TestHealth(t *testing.T) {
	var h health
	require.False(t, h.suspect(epoch0))
	require.False(t, h.begin(epoch0))
	h.fail(epoch0)
	require.True(t, h.suspect(epoch0))
	require.True(t, h.suspect(epoch0.Add(suspicion-1)))
	require.False(t, h.begin(epoch0.Add(suspicion-1)), "no other copy was there")
	require.False(t, h.suspect(epoch0.Add(suspicion)))
	require.True(t, h.begin(epoch0.Add(suspicion)))
	require.True(t, h.suspect(epoch0.Add(suspicion)), "one call tries")
	require.False(t, h.begin(epoch0.Add(suspicion)))
	h.fail(epoch0.Add(suspicion))
	require.True(t, h.suspect(epoch0.Add(suspicion)))
	require.True(t, h.begin(epoch0.Add(2*suspicion)))
	h.succeed()
	require.False(t, h.suspect(epoch0.Add(2*suspicion)))
}

func TestTableIsBounded(t *testing.T) {
	table := table[int, node]{limit: 10}
	for i := range 1000 {
		kept := table.get(i)
		require.Same(t, kept, table.get(i))
	}
	require.Equal(t, int64(10), table.count.Load())
	n := 0
	table.all.Range(func(_, _ any) bool {
		n++
		return true
	})
	require.Equal(t, 10, n)
}

func TestConfig(t *testing.T) {
	_, err := New(Default())
	require.ErrorIs(t, err, ErrConfig)
	for _, spoil := range []func(*Config){
		func(c *Config) { c.HedgePercent = 101 },
		func(c *Config) { c.HedgePercent = math.NaN() },
		func(c *Config) { c.RetryPercent = -1 },
		func(c *Config) { c.HedgeBurst = -1 },
		func(c *Config) { c.RetryBurst = -1 },
		func(c *Config) { c.Rand = nil },
	} {
		cfg := testConfig()
		require.NoError(t, cfg.Validate())
		spoil(&cfg)
		require.ErrorIs(t, cfg.Validate(), ErrConfig)
	}
	cfg := testConfig()
	_, err = New(cfg)
	require.NoError(t, err)
	_, err = New(cfg)
	require.ErrorContains(t, err, "register metrics")
}
