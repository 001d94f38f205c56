package shard

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValve(t *testing.T) {
	copied := func(t *testing.T, v *valve, n, piece int) time.Duration {
		began := time.Now()
		var out bytes.Buffer
		for range n / piece {
			_, err := throttled{t.Context(), v, &out}.Write(make([]byte, piece))
			require.NoError(t, err)
		}
		require.Equal(t, n, out.Len())
		return time.Since(began)
	}
	t.Run("keeps a rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, rate := range []int{64 << 10, 1 << 20, 50 << 20} {
				v := newValve(time.Now, time.After)
				v.set(uint64(rate), false)
				v.begin(int64(10 * rate))
				took := copied(t, v, 10*rate, 64<<10)
				require.InDelta(t, 10, took.Seconds(), 0.06)
				passed, total := v.progress()
				require.EqualValues(t, 10*rate, passed)
				require.EqualValues(t, 10*rate, total)
			}
		})
	})
	t.Run("without a rate nothing waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			require.Zero(t, copied(t, newValve(time.Now, time.After), 1<<20, 1<<10))
		})
	})
	t.Run("the rate changes on the way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newValve(time.Now, time.After)
			v.set(1<<20, false)
			go func() {
				<-time.After(5 * time.Second)
				v.set(10<<20, false)
			}()
			require.InDelta(t, 5+0.5, copied(t, v, 10<<20, 64<<10).Seconds(), 0.5)
		})
	})
	t.Run("closed, nothing passes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newValve(time.Now, time.After)
			v.set(0, true)
			go func() {
				<-time.After(time.Hour)
				v.set(0, false)
			}()
			require.Equal(t, time.Hour, copied(t, v, 1<<20, 64<<10))
			v.set(0, true)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := throttled{ctx, v, io.Discard}.Write([]byte("x"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}

func TestTally(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var x tally
	require.Zero(t, x.rate(now))
	for range 600 {
		now = now.Add(100 * time.Millisecond)
		x.count(now)
	}
	require.InDelta(t, 10, x.rate(now), 1)
	require.Zero(t, x.rate(now.Add(2*time.Minute)))
	var young tally
	for range 50 {
		now = now.Add(100 * time.Millisecond)
		young.count(now)
	}
	require.InDelta(t, 10, young.rate(now), 1)
}
