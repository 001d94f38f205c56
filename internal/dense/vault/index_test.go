package vault

import (
	"context"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/internal/dense"
	"sagasu/internal/dense/flat"
	"sagasu/internal/vfs"
)

func testConfig(t testing.TB, dims int) Config {
	cfg := Default()
	cfg.Dir, cfg.Dims = t.TempDir(), dims
	return cfg
}

// openTest leaves merging to the test.
func openTest(t require.TestingT, cfg Config) *Index {
	x, err := open(cfg, true)
	require.NoError(t, err)
	return x
}

// vectorFiles lists the files of the chain.
func vectorFiles(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "vectors-*"))
	require.NoError(t, err)
	return paths
}

// TestOperations holds random operations to the model.
func TestOperations(t *testing.T) {
	dirs := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		m := newModel(rapid.IntRange(1, 9).Draw(t, "dims"))
		broken := &brokenFS{FS: vfs.OS()}
		dir, err := os.MkdirTemp(dirs, "")
		require.NoError(t, err)
		cfg := Config{FS: broken, Dir: dir, Dims: m.dims, Limit: testIDs}
		x := openTest(t, cfg)
		// What the vault held at each index, and the one that was durable last.
		was, durable := map[uint64]*model{0: m.clone()}, uint64(0)
		operations := []string{"apply", "apply", "flush", "flush", "fail", "merge", "fail to merge", "reopen"}
		for range rapid.IntRange(1, 40).Draw(t, "operations") {
			switch rapid.SampledFrom(operations).Draw(t, "operation") {
			case "apply":
				vs, keys := m.mutate(rng, rng.IntN(150))
				require.NoError(t, x.Apply(m.index, vs, keys))
				was[m.index] = m.clone()
			case "flush":
				index, err := x.Flush(ctx)
				require.NoError(t, err)
				require.Equal(t, m.index, index)
				require.Zero(t, x.UnflushedBytes())
				durable = m.index
			case "fail":
				if m.index == durable {
					continue
				}
				broken.step = rapid.SampledFrom([]string{"create", "write", "rename", "sync", "map"}).Draw(t, "step")
				index, err := x.Flush(ctx)
				broken.step = ""
				require.ErrorIs(t, err, errBroken)
				require.Equal(t, durable, index)
			case "merge":
				require.NoError(t, x.chain.Merge(ctx))
			case "fail to merge":
				broken.step = rapid.SampledFrom([]string{"create", "write", "rename", "sync", "map"}).Draw(t, "step")
				if err := x.chain.Merge(ctx); err != nil {
					require.ErrorIs(t, err, errBroken)
				}
				broken.step = ""
			case "reopen":
				require.NoError(t, x.Close())
				x = openTest(t, cfg)
				// What a flush wrote that failed late may be there all the same.
				require.GreaterOrEqual(t, x.DurableIndex(), durable)
				durable = x.DurableIndex()
				m = was[durable].clone()
			}
			m.equal(t, x)
		}
		require.NoError(t, x.Close())
	})
}

// TestApplyDuringAFlush applies, reads and removes at every step of flushes and merges, failing ones among them.
func TestApplyDuringAFlush(t *testing.T) {
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(2, 2)), newModel(3)
	cfg := testConfig(t, 3)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	apply := func() {
		vs, keys := m.mutate(rng, rng.IntN(40))
		require.NoError(t, x.Apply(m.index, vs, keys))
		m.equal(t, x)
	}
	steps := []string{"", "", "", "create", "write", "rename", "sync", "map"}
	for range 80 {
		apply()
		begin := m.clone()
		broken.call = func(string) { apply() }
		broken.step = steps[rng.IntN(len(steps))]
		index, err := x.Flush(ctx)
		m.equal(t, x)
		if broken.step != "" {
			require.ErrorIs(t, err, errBroken)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, begin.index, index)
		require.NotZero(t, x.UnflushedBytes())
		broken.step = steps[rng.IntN(len(steps))]
		if err := x.chain.Merge(ctx); err != nil {
			require.ErrorIs(t, err, errBroken)
		}
		m.equal(t, x)
		broken.call, broken.step = nil, ""
		if rng.IntN(3) > 0 {
			continue
		}
		require.NoError(t, x.Close())
		x = openTest(t, cfg)
		begin.equal(t, x)
		m = begin
	}
	require.NoError(t, x.Close())
}

func TestCheckpoint(t *testing.T) {
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(3, 3)), newModel(4)
	cfg := testConfig(t, 4)
	x := openTest(t, cfg)
	apply := func() {
		vs, keys := m.mutate(rng, 100)
		require.NoError(t, x.Apply(m.index, vs, keys))
	}
	apply()
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	durable := m.clone()
	apply()
	dir := filepath.Join(t.TempDir(), "checkpoint")
	index, err := x.Checkpoint(ctx, dir)
	require.NoError(t, err)
	require.Equal(t, durable.index, index)
	_, err = x.Checkpoint(ctx, dir)
	require.ErrorIs(t, err, fs.ErrExist)
	m.equal(t, x)
	require.NoError(t, x.Close())
	_, err = x.Checkpoint(ctx, dir+"2")
	require.ErrorIs(t, err, ErrClosed)

	at := cfg
	at.Dir = dir
	y := openTest(t, at)
	durable.equal(t, y)
	require.NoError(t, y.Close())
}

// TestFlatReadsIt changes from a vault to a flat index and back.
func TestFlatReadsIt(t *testing.T) {
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(4, 4)), newModel(5)
	cfg := testConfig(t, 5)
	x := openTest(t, cfg)
	vs, keys := m.mutate(rng, 200)
	require.NoError(t, x.Apply(m.index, vs, keys))
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	require.NoError(t, x.Close())

	other := flat.Default()
	other.Dir, other.Dims = cfg.Dir, cfg.Dims
	y, err := flat.Open(other)
	require.NoError(t, err)
	ids := slices.Sorted(maps.Keys(m.vectors))
	got, err := y.Get(ids)
	require.NoError(t, err)
	require.Len(t, got, len(ids))
	for i, id := range ids {
		require.Equal(t, m.vectors[id], got[i])
	}
	vs, keys = m.mutate(rng, 10)
	require.NoError(t, y.Apply(m.index, vs, keys))
	_, err = y.Flush(ctx)
	require.NoError(t, err)
	require.NoError(t, y.Close())
	x = openTest(t, cfg)
	m.equal(t, x)
	require.NoError(t, x.Close())
}

func TestRefusals(t *testing.T) {
	cfg := testConfig(t, 2)
	cfg.Limit = 3
	x := openTest(t, cfg)
	put := func(index uint64, ids ...string) error {
		var vs []dense.Vector
		for _, id := range ids {
			vs = append(vs, dense.Vector{ID: id, Version: index, Values: []float32{1, 1}})
		}
		return x.Apply(index, vs, nil)
	}
	require.NoError(t, put(1, "a", "b", "a"))
	t.Run("more vectors than the limit", func(t *testing.T) {
		err := put(2, "c", "d")
		require.ErrorIs(t, err, dense.ErrFull)
		require.ErrorContains(t, err, "limit is 3")
		require.NoError(t, put(2, "a", "b", "c", "c"))
	})
	t.Run("bad vectors, whole", func(t *testing.T) {
		good := dense.Vector{ID: "a", Version: 9, Values: []float32{1, 1}}
		for _, values := range [][]float32{{1}, {0, 0}} {
			require.ErrorContains(t, x.Apply(3, []dense.Vector{good, {ID: "bad", Values: values}}, nil), "bad")
		}
		version, _, _ := x.Stat("a")
		require.Equal(t, uint64(2), version)
		require.Equal(t, uint64(2), x.AppliedIndex())
	})
	t.Run("what is durable already, silently", func(t *testing.T) {
		_, err := x.Flush(context.Background())
		require.NoError(t, err)
		require.NoError(t, x.Apply(2, nil, []dense.Key{{ID: "a", Version: 100}}))
		_, _, ok := x.Stat("a")
		require.True(t, ok)
		require.NoError(t, x.Apply(3, nil, []dense.Key{{ID: "a", Version: 1}}), "an older version is not deleted")
		_, _, ok = x.Stat("a")
		require.True(t, ok)
	})
	t.Run("a second vault on the directory", func(t *testing.T) {
		_, err := Open(cfg)
		require.ErrorIs(t, err, vfs.ErrLocked)
	})
	t.Run("a done context", func(t *testing.T) {
		require.NoError(t, put(3, "a"))
		before := x.UnflushedBytes()
		require.NotZero(t, before)
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := x.Flush(gone)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, before, x.UnflushedBytes())
	})
	t.Run("everything after close", func(t *testing.T) {
		require.NoError(t, x.Close())
		require.ErrorIs(t, x.Close(), ErrClosed)
		require.ErrorIs(t, put(4, "a"), ErrClosed)
		_, err := x.Get([]string{"a"})
		require.ErrorIs(t, err, ErrClosed)
		_, err = x.Flush(context.Background())
		require.ErrorIs(t, err, ErrClosed)
		_, _, ok := x.Stat("a")
		require.False(t, ok)
	})
	t.Run("other dimensions", func(t *testing.T) {
		other := cfg
		other.Dims = 7
		_, err := Open(other)
		require.ErrorIs(t, err, dense.ErrDimension)
	})
	for name, spoil := range map[string]func(*Config){
		"FS": func(c *Config) { c.FS = nil }, "Dir": func(c *Config) { c.Dir = "" },
		"Dims": func(c *Config) { c.Dims = 0 }, "Limit": func(c *Config) { c.Limit = 0 },
	} {
		t.Run("a configuration without "+name, func(t *testing.T) {
			bad := cfg
			spoil(&bad)
			_, err := Open(bad)
			require.ErrorIs(t, err, ErrConfig)
			require.ErrorContains(t, err, name)
		})
	}
}
