package rediscache

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLimiter(t *testing.T) {
	t.Run("lets the burst through and then the rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, err := Open(testConfig())
			require.NoError(t, err)
			defer c.Close()
			l := c.Limiter()
			for range 5 {
				ok, _ := l.Allow(t.Context(), "k", 10, 5)
				require.True(t, ok)
			}
			ok, wait := l.Allow(t.Context(), "k", 10, 5)
			require.False(t, ok)
			require.Equal(t, 100*time.Millisecond, wait)
			other, _ := l.Allow(t.Context(), "other", 10, 5)
			require.True(t, other)
			time.Sleep(wait)
			ok, _ = l.Allow(t.Context(), "k", 10, 5)
			require.True(t, ok)
			passed := 0
			for range 10_000 {
				if ok, _ := l.Allow(t.Context(), "k", 10, 5); ok {
					passed++
				}
				time.Sleep(time.Millisecond)
			}
			require.InDelta(t, 100, passed, 1)
		})
	})
	t.Run("bears any rate", func(t *testing.T) {
		l := alone(t).Limiter()
		for _, rate := range []float64{0, -1, math.NaN(), math.Inf(-1)} {
			ok, wait := l.Allow(t.Context(), "none", rate, 10)
			require.False(t, ok)
			require.Equal(t, longestWait, wait)
		}
		ok, _ := l.Allow(t.Context(), "none", 1, 0)
		require.False(t, ok)
		for i, rate := range []float64{1e-300, 1e-5, 1, 1e9, math.Inf(1), math.MaxFloat64} {
			ok, _ := l.Allow(t.Context(), fmt.Sprint(i), rate, math.MaxInt)
			require.True(t, ok)
		}
	})
	t.Run("the bucket never gives more than burst and rate", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			b := newBuckets()
			interval := rapid.Int64Range(1, 1000).Draw(t, "interval")
			burst := rapid.Int64Range(1, 20).Draw(t, "burst")
			now := int64(1_700_000_000_000_000)
			var taken []int64
			for range rapid.IntRange(1, 200).Draw(t, "steps") {
				now += rapid.Int64Range(0, 2*interval).Draw(t, "pass")
				wait := b.take("k", now, interval, burst)
				require.GreaterOrEqual(t, wait, int64(0))
				if wait == 0 {
					taken = append(taken, now)
				} else {
					// A token is there after the wait and not before.
					require.LessOrEqual(t, wait, interval)
				}
			}
			for i := range taken {
				for j := i; j < len(taken); j++ {
					require.LessOrEqual(t, int64(j-i+1), burst+(taken[j]-taken[i])/interval)
				}
			}
		})
	})
	t.Run("remembers a bounded number of keys", func(t *testing.T) {
		b := newBuckets()
		for i := range maxBuckets + 1000 {
			b.take(fmt.Sprint(i), 1, 1, 1)
		}
		require.Len(t, b.rows, maxBuckets)
		require.Equal(t, maxBuckets, b.order.Len())
	})
	t.Run("a clock that goes back does not lock out", func(t *testing.T) {
		b := newBuckets()
		for range 10 {
			b.take("k", 1e15, 1000, 10)
		}
		require.Equal(t, int64(1000), b.take("k", 1e12, 1000, 10))
	})
}
