package shard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPace(t *testing.T) {
	ctx := context.Background()
	t.Run("a second's worth at once, then as fast as said", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1000, time.Now, time.After)
			began := time.Now()
			require.NoError(t, p.take(ctx, 1000))
			require.Zero(t, time.Since(began))
			require.NoError(t, p.take(ctx, 500))
			require.Equal(t, 500*time.Millisecond, time.Since(began))
			require.NoError(t, p.take(ctx, 3000))
			require.Equal(t, 3500*time.Millisecond, time.Since(began))
		})
	})
	t.Run("rest is not saved up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1000, time.Now, time.After)
			<-time.After(time.Hour)
			began := time.Now()
			require.NoError(t, p.take(ctx, 1000))
			require.NoError(t, p.take(ctx, 1000))
			require.Equal(t, time.Second, time.Since(began))
		})
	})
	t.Run("who leaves takes nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPace(1000, time.Now, time.After)
			require.NoError(t, p.take(ctx, 1000))
			for range 10 {
				leaving, cancel := context.WithTimeout(ctx, time.Millisecond)
				require.ErrorIs(t, p.take(leaving, 1000), context.DeadlineExceeded)
				cancel()
			}
			began := time.Now()
			require.NoError(t, p.take(ctx, 1000))
			require.LessOrEqual(t, time.Since(began), time.Second)
		})
	})
	t.Run("over any time it lets pass no more than said", rapid.MakeCheck(func(t *rapid.T) {
		now := time.Unix(0, 0)
		p := newPace(1000, func() time.Time { return now }, nil)
		total, start := 0, now
		for range rapid.IntRange(1, 50).Draw(t, "takes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "rest")) * time.Millisecond)
			n := rapid.IntRange(1, 2000).Draw(t, "bytes")
			if wait := p.reserve(n); wait > 0 {
				now = now.Add(wait)
			}
			total += n
			require.LessOrEqual(t, float64(total), 1000*now.Sub(start).Seconds()+1000.01)
		}
	}))
}
