package sparse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// courtesyOf gives one for a machine of so many cores, and a count of the times that a core was given.
func courtesyOf(cores int) (*Courtesy, *int) {
	yields := 0
	cfg := DefaultCourtesy()
	cfg.Cores, cfg.Yield = cores, func() { yields++ }
	return NewCourtesy(cfg), &yields
}

// work is how long a worker is at something before its next step.
func work(d time.Duration) { <-time.After(d) }

// stepTook takes a step and tells how long it waited.
func stepTook(t *turn) time.Duration {
	began := time.Now()
	t.step()
	return time.Since(began)
}

func TestCourtesy(t *testing.T) {
	inTime := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	inTime("nothing waits while nobody searches", func(t *testing.T) {
		c, yields := courtesyOf(1)
		w := c.begin(context.Background())
		w.stops = true
		work(time.Second)
		require.Zero(t, stepTook(w))
		require.Zero(t, *yields)
		require.Zero(t, c.Stats().GaveWay)
	})
	inTime("a merge waits for the end of searches", func(t *testing.T) {
		c, yields := courtesyOf(1)
		w := c.begin(context.Background())
		w.stops = true
		c.searching()
		c.searching()
		go func() {
			work(2 * time.Millisecond)
			c.ended()
			work(time.Millisecond)
			c.ended()
		}()
		work(time.Millisecond)
		require.Equal(t, 2*time.Millisecond, stepTook(w))
		require.Zero(t, stepTook(w))
		require.Zero(t, *yields)
		require.Equal(t, 2*time.Millisecond, c.Stats().GaveWay)
	})
	inTime("a merge gives away three quarters of its time at most", func(t *testing.T) {
		c, _ := courtesyOf(1)
		w := c.begin(context.Background())
		w.stops = true
		c.searching()
		began := time.Now()
		for range 1000 {
			work(200 * time.Microsecond)
			require.LessOrEqual(t, stepTook(w), maxCredit)
		}
		require.Equal(t, 800*time.Millisecond, time.Since(began))
	})
	inTime("others let searches have the core", func(t *testing.T) {
		c, yields := courtesyOf(1)
		w := c.begin(context.Background())
		c.searching()
		for range 10 {
			work(stepTime / 2)
			require.Zero(t, stepTook(w))
		}
		require.Equal(t, 5, *yields)
	})
	inTime("a merge doesn't stop where there are cores", func(t *testing.T) {
		c, yields := courtesyOf(2)
		w := c.begin(context.Background())
		w.stops = true
		c.searching()
		work(time.Millisecond)
		require.Zero(t, stepTook(w))
		require.Equal(t, 1, *yields)
		flush := c.begin(context.Background())
		work(time.Millisecond)
		require.Positive(t, stepTook(w))
		flush.done()
		work(time.Millisecond)
		require.Zero(t, stepTook(w))
	})
	inTime("a merge in a hurry or about to end waits for nothing", func(t *testing.T) {
		c, _ := courtesyOf(1)
		ctx, cancel := context.WithCancel(context.Background())
		w := c.begin(ctx)
		hurry := true
		w.stops, w.hurry = true, func() bool { return hurry }
		c.searching()
		work(time.Millisecond)
		require.Zero(t, stepTook(w))
		hurry = false
		cancel()
		work(time.Millisecond)
		require.Zero(t, stepTook(w))
	})
}

// fileOf is a file in memory.
type fileOf struct{ io.Writer }

func (fileOf) Close() error { return nil }
func (fileOf) Sync() error  { return nil }

func TestMergesArePaced(t *testing.T) {
	var asked []int
	fails := error(nil)
	cfg := DefaultCourtesy()
	cfg.Pace = func(_ context.Context, bytes int) error {
		asked = append(asked, bytes)
		return fails
	}
	c := NewCourtesy(cfg)
	w := c.begin(context.Background())
	defer w.done()
	var out bytes.Buffer
	file := pacedFile{fileOf{&out}, w}
	data := bytes.Repeat([]byte("sagasu"), 100_000)
	t.Run("in pieces", func(t *testing.T) {
		n, err := file.Write(data)
		require.NoError(t, err)
		require.Equal(t, len(data), n)
		require.Equal(t, data, out.Bytes())
		require.Equal(t, []int{paceBytes, paceBytes, len(data) - 2*paceBytes}, asked)
		require.Equal(t, CourtesyStats{MergedBytes: uint64(len(data)), Paced: c.Stats().Paced}, c.Stats())
	})
	t.Run("who must stop writes on", func(t *testing.T) {
		fails = errors.New("stopped")
		n, err := file.Write(data[:5])
		require.NoError(t, err)
		require.Equal(t, 5, n)
	})
	t.Run("with too many segments at once", func(t *testing.T) {
		asked = nil
		w.hurry = func() bool { return true }
		_, err := file.Write(data)
		require.NoError(t, err)
		require.Empty(t, asked)
		require.EqualValues(t, len(data), c.Stats().HurriedBytes)
	})
}

// TestMergesOfAnIndexArePaced has a pace at which nothing passes until the index is closed.
func TestMergesOfAnIndexArePaced(t *testing.T) {
	paced := make(chan int, 1000)
	courtesy := DefaultCourtesy()
	courtesy.Pace = func(ctx context.Context, bytes int) error {
		paced <- bytes
		<-ctx.Done()
		return ctx.Err()
	}
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	cfg.Courtesy = NewCourtesy(courtesy)
	x, err := Open(cfg)
	require.NoError(t, err)
	for i := range 8 {
		_, err := x.Apply(Batch{Index: uint64(i + 1), Writes: writesOf(i)})
		require.NoError(t, err)
		_, err = x.Flush(context.Background())
		require.NoError(t, err)
	}
	<-paced // flushes are not
	s := x.Snapshot()
	found, err := s.Search(context.Background(), Request{K: 100})
	require.NoError(t, err)
	require.Len(t, found.Hits, 8)
	s.Release()
	require.NoError(t, x.Close())
	require.Zero(t, cfg.Courtesy.searches.Load())
	written := cfg.Courtesy.Stats().MergedBytes
	require.Positive(t, written)
	names, err := vfs.OS().List(cfg.Dir)
	require.NoError(t, err)
	require.Len(t, names, 3, "%v", names) // the lock, the manifest, one segment
	x, err = Open(cfg)
	require.NoError(t, err)
	s = x.Snapshot()
	require.Equal(t, 8, s.Len())
	s.Release()
	require.NoError(t, x.Close())
}

func writesOf(i int) []api.Write {
	return []api.Write{put(fmt.Sprint("d", i), fmt.Sprint("red fox ", i))}
}
