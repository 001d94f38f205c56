package replica

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs/vfstest"
	"sagasu/sparse"
)

// scrubConfig has a clock whose rests between scrubs end when the test sends to them.
func scrubConfig(dir string) (Config, chan time.Time) {
	cfg := testConfig(dir, textSchema())
	rested := make(chan time.Time)
	cfg.After = func(d time.Duration) <-chan time.Time {
		if d == cfg.ScrubEvery {
			return rested
		}
		return time.After(d)
	}
	return cfg, rested
}

// flip changes a bit in the middle of the only file that matches, in place, and gives its path.
func flip(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.Len(t, files, 1)
	vfstest.Flip(t, files[0])
	return files[0]
}

func flush(t *testing.T, r *Replica) {
	t.Helper()
	_, err := r.sparse.Flush(testContext(t))
	require.NoError(t, err)
}

func TestScrub(t *testing.T) {
	t.Run("it reads the index at every turn, by the pace", func(t *testing.T) {
		cfg, rested := scrubConfig(t.TempDir())
		var read atomic.Int64
		cfg.ScrubPace = func(_ context.Context, n int) error { read.Add(int64(n)); return nil }
		r := openReplica(t, cfg)
		defer func() { require.NoError(t, r.Close()) }()
		mustWrite(t, r, put("a", "earthquake"))
		flush(t, r)
		once := int64(0)
		require.NoError(t, r.sparse.Scrub(testContext(t), func(n int) error { once += int64(n); return nil }))
		require.Positive(t, once)
		require.Zero(t, read.Load())
		rested <- time.Now()
		rested <- time.Now() // is taken when the first turn is over
		require.GreaterOrEqual(t, read.Load(), once)
		rested <- time.Now()
		require.GreaterOrEqual(t, read.Load(), 2*once)
	})
	t.Run("what it finds fails the replica and names file and section", func(t *testing.T) {
		dir := t.TempDir()
		cfg, rested := scrubConfig(dir)
		r := openReplica(t, cfg)
		defer func() { _ = r.Close() }()
		mustWrite(t, r, put("a", "earthquake"), put("b", "volcano"))
		flush(t, r)
		path := flip(t, filepath.Join(dir, sparseDir, "*.seg"))
		rested <- time.Now()
		select {
		case <-r.Failed():
		case <-testContext(t).Done():
			t.Fatal("the damage was not found")
		}
		require.True(t, sparse.Damaged(r.Err()), "%v", r.Err())
		require.ErrorContains(t, r.Err(), path+": corrupt segment: checksum of ")
		require.FileExists(t, path)
	})
	t.Run("vectors are verified too", func(t *testing.T) {
		dir := t.TempDir()
		cfg, rested := scrubConfig(dir)
		cfg.Schema = denseSchema()
		cfg.Embedder = serve(&scriptedEmbedder{})
		r := openReplica(t, cfg)
		defer func() { _ = r.Close() }()
		waitDense(t, r, mustWrite(t, r, put("a", "earthquake"), put("b", "volcano")))
		flush(t, r)
		rested <- time.Now()
		rested <- time.Now() // is taken when the first turn is over
		require.NoError(t, r.Err())
		path := flip(t, filepath.Join(dir, denseDir, "*.flat"))
		select {
		case rested <- time.Now():
		case <-r.Failed(): // the second turn was late
		}
		select {
		case <-r.Failed():
		case <-testContext(t).Done():
			t.Fatal("the damage was not found")
		}
		require.True(t, Damaged(r.Err()), "%v", r.Err())
		require.ErrorContains(t, r.Err(), path)
	})
	t.Run("another error is no reason to fail", func(t *testing.T) {
		cfg, rested := scrubConfig(t.TempDir())
		cfg.ScrubPace = func(context.Context, int) error { return errors.New("not now") }
		r := openReplica(t, cfg)
		defer func() { require.NoError(t, r.Close()) }()
		mustWrite(t, r, put("a", "earthquake"))
		flush(t, r)
		rested <- time.Now()
		rested <- time.Now()
		require.NoError(t, r.Err())
		require.Equal(t, []string{"a"}, find(t, r, "earthquake"))
	})
	t.Run("a turn under way ends with the replica", func(t *testing.T) {
		cfg, rested := scrubConfig(t.TempDir())
		waiting := make(chan struct{})
		cfg.ScrubPace = func(ctx context.Context, _ int) error {
			close(waiting)
			<-ctx.Done()
			return ctx.Err()
		}
		r := openReplica(t, cfg)
		mustWrite(t, r, put("a", "earthquake"))
		flush(t, r)
		rested <- time.Now()
		<-waiting
		require.NoError(t, r.Close())
		require.NoError(t, r.Err())
	})
	t.Run("never is never", func(t *testing.T) {
		cfg, _ := scrubConfig(t.TempDir())
		cfg.ScrubEvery = 0
		cfg.After = func(d time.Duration) <-chan time.Time {
			if d == 0 {
				t.Error("a rest of nothing")
			}
			return time.After(d)
		}
		r := openReplica(t, cfg)
		require.NoError(t, r.Close())
		cfg.ScrubEvery = -time.Second
		require.ErrorContains(t, cfg.Validate(), "ScrubEvery is -1s")
	})
}
