package flat

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
	"sagasu/internal/vfs"
)

func at(cfg Config, dir string) Config {
	cfg.FS, cfg.Dir = vfs.OS(), dir
	return cfg
}

func TestCheckpoint(t *testing.T) {
	ctx, rng := context.Background(), rand.New(rand.NewPCG(6, 6))
	cfg := testConfig(t, 5)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	dir := filepath.Join(t.TempDir(), "checkpoint")
	t.Run("of what was never flushed is empty", func(t *testing.T) {
		mutate(t, rng, x, 50)
		index, err := x.Checkpoint(ctx, dir+"0")
		require.NoError(t, err)
		require.Zero(t, index)
		y := openTest(t, at(cfg, dir+"0"))
		require.Empty(t, everything(t, y))
		require.NoError(t, y.Close())
	})
	mutate(t, rng, x, 400)
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	mutate(t, rng, x, 20)
	index, err := x.Flush(ctx)
	require.NoError(t, err)
	require.Len(t, vectorFiles(t, cfg.Dir), 2)
	want := everything(t, x)
	// Not flushed, and once half flushed: neither is in the checkpoint.
	mutate(t, rng, x, 100)
	broken.step = "sync"
	_, err = x.Flush(ctx)
	require.ErrorIs(t, err, errBroken)
	now := everything(t, x)

	t.Run("that fails leaves nothing", func(t *testing.T) {
		for _, step := range []string{"link", "rename", "sync"} {
			broken.step = step
			_, err := x.Checkpoint(ctx, dir)
			require.ErrorIs(t, err, errBroken)
			require.NoDirExists(t, dir)
			require.NoDirExists(t, dir+".tmp")
		}
		broken.step = ""
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, err := x.Checkpoint(gone, dir)
		require.ErrorIs(t, err, context.Canceled)
		require.NoDirExists(t, dir)
	})
	t.Run("is as of the durable index", func(t *testing.T) {
		at0, err := x.Checkpoint(ctx, dir)
		require.NoError(t, err)
		require.Equal(t, index, at0)
		y := openTest(t, at(cfg, dir))
		require.Equal(t, want, everything(t, y))
		require.Equal(t, index, y.AppliedIndex())
		require.Equal(t, index, y.DurableIndex())
		require.NoError(t, y.Close())
	})
	t.Run("lives on its own", func(t *testing.T) {
		require.Equal(t, now, everything(t, x))
		y := openTest(t, at(cfg, dir))
		mutate(t, rng, y, 500)
		_, err := y.Flush(ctx)
		require.NoError(t, err)
		_, err = x.Flush(ctx)
		require.NoError(t, err)
		other := everything(t, y)
		require.NoError(t, x.Close())
		require.NoError(t, y.Close())
		x, y = openTest(t, cfg), openTest(t, at(cfg, dir))
		require.Equal(t, now, everything(t, x))
		require.Equal(t, other, everything(t, y))
		require.NoError(t, y.Close())
	})
	t.Run("is refused where something is", func(t *testing.T) {
		_, err := x.Checkpoint(ctx, dir)
		require.ErrorIs(t, err, fs.ErrExist)
		openAndClose(t, at(cfg, dir))
	})
	require.NoError(t, x.Close())
	_, err = x.Checkpoint(ctx, dir+"2")
	require.ErrorIs(t, err, vectorfile.ErrClosed)
}

func openAndClose(t *testing.T, cfg Config) {
	t.Helper()
	require.NoError(t, openTest(t, cfg).Close())
}

// TestCheckpointsUnderWrites takes checkpoints while vectors are replaced and flushed: each one holds the
// vectors of the log index that it says.
func TestCheckpointsUnderWrites(t *testing.T) {
	const ids, rounds = 50, 100
	ctx, rng := context.Background(), rand.New(rand.NewPCG(7, 7))
	cfg := testConfig(t, 4)
	x, err := Open(cfg)
	require.NoError(t, err)
	vs := clustered(rng, ids, 4)
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		defer close(done)
		for round := uint64(1); round <= rounds; round++ {
			batch := make([]dense.Vector, 0, ids)
			for i := range vs {
				// Some ids are of every round, the others of every third: files keep different records.
				if i%2 == 0 || round%3 == 0 {
					v := vs[i]
					v.Version = round
					batch = append(batch, v)
				}
			}
			if err := x.Apply(round, batch, nil); err != nil {
				panic(err)
			}
			if _, err := x.Flush(ctx); err != nil {
				panic(err)
			}
		}
	})
	made := map[string]uint64{}
	root := t.TempDir()
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		dir := filepath.Join(root, fmt.Sprint(len(made)))
		index, err := x.Checkpoint(ctx, dir)
		require.NoError(t, err)
		made[dir] = index
	}
	writing.Wait()
	require.NoError(t, x.Close())
	for dir, index := range made {
		y := openTest(t, at(cfg, dir))
		require.Equal(t, index, y.AppliedIndex())
		for i := range vs {
			want := index
			if i%2 != 0 {
				want = index / 3 * 3
			}
			require.Equal(t, want, everything(t, y)[vs[i].ID].Version)
		}
		require.NoError(t, y.Close())
	}
}
