package vault

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/dense/flat"
	"sagasu/internal/vfs"
)

func testConfig(t testing.TB, dims int) Config {
	cfg := Default()
	cfg.Dir, cfg.Dims = t.TempDir(), dims
	return cfg
}

func openTest(t require.TestingT, cfg Config) *Index {
	x, err := Open(cfg)
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

// model is what a vault should hold.
type model struct {
	dims    int
	index   uint64
	vectors map[string]dense.Vector
}

func newModel(dims int) *model { return &model{dims: dims, vectors: map[string]dense.Vector{}} }

func (m *model) clone() *model {
	return &model{dims: m.dims, index: m.index, vectors: maps.Clone(m.vectors)}
}

// testIDs is the number of different ids in tests.
const testIDs = 300

func testID(i int) string { return fmt.Sprint("doc", i) }

// mutate draws changes, notes them and gives them for the next index.
func (m *model) mutate(rng *rand.Rand, changes int) (vs []dense.Vector, keys []dense.Key) {
	m.index++
	for range changes {
		id := testID(rng.IntN(testIDs))
		version := uint64(rng.IntN(5)) + m.index
		if rng.IntN(4) == 0 {
			keys = append(keys, dense.Key{ID: id, Version: version})
			continue
		}
		vs = append(vs, dense.Vector{
			ID: id, Version: version, Slot: uint16(rng.IntN(api.Slots)), Digest: [16]byte{byte(rng.Int()), 1},
			Values: densetest.RandomVector(rng, m.dims),
			Attributes: []api.Value{
				{Field: "n", Ints: []int64{rng.Int64()}}, {Field: "price", Floats: []float64{0.1}},
				{Field: "tag", Strings: []string{"a", "東京"}},
			},
		})
	}
	for _, k := range keys {
		if old, ok := m.vectors[k.ID]; ok && old.Version <= k.Version {
			delete(m.vectors, k.ID)
		}
	}
	for _, v := range vs {
		if old, ok := m.vectors[v.ID]; ok && old.Version > v.Version {
			continue
		}
		unit, err := dense.Normalize(v.Values)
		if err != nil {
			panic(err)
		}
		v.Values = unit
		m.vectors[v.ID] = v
	}
	return vs, keys
}

// equal holds a vault to the model.
func (m *model) equal(t require.TestingT, x *Index) {
	var ids []string
	var want []dense.Vector
	for i := range testIDs {
		id := testID(i)
		ids = append(ids, id)
		v, there := m.vectors[id]
		version, digest, ok := x.Stat(id)
		if ok != there || version != v.Version || digest != v.Digest {
			require.Failf(t, "wrong stat", "%s: %t %d %x, not %t %d %x", id, ok, version, digest, there, v.Version, v.Digest)
		}
		if there {
			want = append(want, v)
		}
	}
	got, err := x.Get(ids)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			require.Equal(t, want[i], got[i])
		}
	}
	count, err := x.Count(context.Background())
	require.NoError(t, err)
	require.Equal(t, len(want), count)
	require.Equal(t, m.index, x.AppliedIndex())
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
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			switch rapid.SampledFrom([]string{"apply", "apply", "flush", "fail", "reopen"}).Draw(t, "operation") {
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

var errBroken = fmt.Errorf("broken on purpose")

// brokenFS fails at one kind of call, and calls back at each one that changes something.
type brokenFS struct {
	vfs.FS
	step string
	call func(step string)
}

func (b *brokenFS) at(step string) error {
	if b.call != nil {
		b.call(step)
	}
	if b.step == step {
		return errBroken
	}
	return nil
}

func (b *brokenFS) Create(path string) (vfs.File, error) {
	if err := b.at("create"); err != nil {
		return nil, err
	}
	f, err := b.FS.Create(path)
	return brokenFile{f, b}, err
}

func (b *brokenFS) Rename(from, to string) error {
	if err := b.at("rename"); err != nil {
		return err
	}
	return b.FS.Rename(from, to)
}

func (b *brokenFS) SyncDir(dir string) error {
	if err := b.at("sync"); err != nil {
		return err
	}
	return b.FS.SyncDir(dir)
}

func (b *brokenFS) Map(path string) (vfs.Mapping, error) {
	if err := b.at("map"); err != nil {
		return nil, err
	}
	return b.FS.Map(path)
}

func (b *brokenFS) Remove(path string) error {
	if err := b.at("remove"); err != nil {
		return err
	}
	return b.FS.Remove(path)
}

type brokenFile struct {
	vfs.File
	fs *brokenFS
}

func (f brokenFile) Write(data []byte) (int, error) {
	if err := f.fs.at("write"); err != nil {
		return 0, err
	}
	return f.File.Write(data)
}

// TestApplyDuringAFlush applies, reads and removes at every step of flushes, failing ones among them.
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
	for range 80 {
		apply()
		begin := m.clone()
		broken.call = func(string) { apply() }
		broken.step = []string{"", "", "", "create", "write", "rename", "sync", "map"}[rng.IntN(8)]
		index, err := x.Flush(ctx)
		broken.call = nil
		m.equal(t, x)
		if broken.step != "" {
			require.ErrorIs(t, err, errBroken)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, begin.index, index)
		require.NotZero(t, x.UnflushedBytes())
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
