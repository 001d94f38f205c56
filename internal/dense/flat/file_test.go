package flat

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/dense/vectorfile"
	"sagasu/internal/vfs"
)

// vectorFiles lists the files of the chain.
func vectorFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "vectors-*"))
	require.NoError(t, err)
	return paths
}

// everything gives all vectors by id: versions, scores against a fixed vector, attributes.
func everything(t *testing.T, x *Index) map[string]dense.Vector {
	t.Helper()
	out := map[string]dense.Vector{}
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, at := range x.rows {
		out[id] = at.at.vector(at.row, x.cfg.Dims)
	}
	require.Len(t, out, x.view.Load().live)
	return out
}

// mutate applies random changes at the next log index.
func mutate(t *testing.T, rng *rand.Rand, x *Index, changes int) {
	t.Helper()
	var vs []dense.Vector
	var keys []dense.Key
	for range changes {
		id := fmt.Sprint("doc", rng.IntN(500))
		version := x.AppliedIndex() + 1
		if rng.IntN(4) == 0 {
			keys = append(keys, dense.Key{ID: id, Version: version})
			continue
		}
		vs = append(vs, dense.Vector{
			ID: id, Version: version, Values: densetest.RandomVector(rng, x.cfg.Dims),
			Slot: uint16(rng.IntN(api.Slots)), Digest: [16]byte{byte(rng.Int()), 7},
			Attributes: []api.Value{
				{Field: "n", Ints: []int64{rng.Int64(), math.MinInt64}},
				{Field: "price", Floats: []float64{0.1}},
				{Field: "tag", Strings: []string{"a", "東京"}},
			},
		})
	}
	require.NoError(t, x.Apply(x.AppliedIndex()+1, vs, keys))
}

func TestFlush(t *testing.T) {
	t.Run("a reopened index holds what was flushed", testReopened)
	t.Run("an index that is durable is ignored", testDurableIgnored)
	t.Run("an index without changes becomes durable", testWithoutChanges)
	t.Run("obsolete records are dropped", testObsoleteDropped)
	t.Run("a failed flush loses nothing", testFailedFlush)
}

func testReopened(t *testing.T) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 1))
	cfg := testConfig(t, 7)
	x := openTest(t, cfg)
	require.Zero(t, x.DurableIndex())
	for i := range 60 {
		mutate(t, rng, x, 1+rng.IntN(40))
		require.NotZero(t, x.UnflushedBytes())
		index, err := x.Flush(ctx)
		require.NoError(t, err)
		require.Zero(t, x.UnflushedBytes())
		require.Equal(t, x.AppliedIndex(), index)
		require.Equal(t, index, x.DurableIndex())
		if i%3 == 0 {
			require.NoError(t, x.chain.Merge(ctx))
		}
		if i%7 != 0 {
			continue
		}
		want := everything(t, x)
		mutate(t, rng, x, 5) // Lost: not flushed.
		require.NoError(t, x.Close())
		x = openTest(t, cfg)
		require.Equal(t, want, everything(t, x))
		require.Equal(t, index, x.DurableIndex())
		require.Equal(t, index, x.AppliedIndex())
	}
	require.Less(t, len(vectorFiles(t, cfg.Dir)), 10)
	require.NoError(t, x.Close())
}

func testDurableIgnored(t *testing.T) {
	ctx := context.Background()
	x := openTest(t, testConfig(t, 3))
	put := func(index, version uint64) {
		v := dense.Vector{ID: fmt.Sprint(index), Version: version, Values: []float32{1, 2, 3}}
		require.NoError(t, x.Apply(index, []dense.Vector{v}, nil))
	}
	put(10, 1)
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	put(10, 2)
	put(9, 2)
	put(11, 2)
	require.Equal(t, uint64(1), everything(t, x)["10"].Version)
	require.Len(t, everything(t, x), 2)
	require.NoError(t, x.Close())
}

func testWithoutChanges(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	x := openTest(t, cfg)
	for index := range uint64(20) {
		require.NoError(t, x.Apply(index+1, nil, nil))
		_, err := x.Flush(ctx)
		require.NoError(t, err)
		require.NoError(t, x.chain.Merge(ctx))
	}
	require.NoError(t, x.Close())
	require.Len(t, vectorFiles(t, cfg.Dir), 1)
	x = openTest(t, cfg)
	require.Equal(t, uint64(20), x.DurableIndex())
	require.NoError(t, x.Close())
}

func testObsoleteDropped(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	x := openTest(t, cfg)
	for index := range uint64(50) {
		vs := make([]dense.Vector, 100)
		for i := range vs {
			vs[i] = dense.Vector{ID: fmt.Sprint(i), Version: index, Values: []float32{1, 2, float32(index)}}
		}
		require.NoError(t, x.Apply(index+1, vs, nil))
		_, err := x.Flush(ctx)
		require.NoError(t, err)
		require.NoError(t, x.chain.Merge(ctx))
		require.LessOrEqual(t, x.chain.Records(), 2*100+vectorfile.MergeFloor)
		require.LessOrEqual(t, x.view.Load().rows, 2*100+blockRows(3))
	}
	require.NoError(t, x.Close())
}

func testFailedFlush(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	rng := rand.New(rand.NewPCG(2, 2))
	mutate(t, rng, x, 50)
	for _, step := range []string{"create", "rename", "sync"} {
		broken.step = step
		_, err := x.Flush(ctx)
		require.ErrorIs(t, err, errBroken)
		require.Zero(t, x.DurableIndex())
	}
	broken.step = ""
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err := x.Flush(gone)
	require.ErrorIs(t, err, context.Canceled)
	want := everything(t, x)
	_, err = x.Flush(ctx)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	x = openTest(t, cfg)
	require.Equal(t, want, everything(t, x))
	require.NoError(t, x.Close())
}

// TestFailures lets flushes fail at random and then looks at what a restart finds.
func TestFailures(t *testing.T) {
	ctx, rng := context.Background(), rand.New(rand.NewPCG(5, 5))
	cfg := testConfig(t, 3)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	for range 300 {
		mutate(t, rng, x, 1+rng.IntN(100))
		broken.step = []string{"", "", "create", "rename", "sync"}[rng.IntN(5)]
		_, err := x.Flush(ctx)
		if broken.step != "" {
			require.ErrorIs(t, err, errBroken)
			continue
		}
		require.NoError(t, err)
		if broken.step = []string{"", "create", "rename", "sync"}[rng.IntN(4)]; broken.step == "" {
			require.NoError(t, x.chain.Merge(ctx))
		} else if err := x.chain.Merge(ctx); err != nil {
			require.ErrorIs(t, err, errBroken)
		}
		broken.step = ""
		want := everything(t, x)
		require.NoError(t, x.Close())
		x = openTest(t, cfg)
		require.Equal(t, want, everything(t, x))
	}
	require.NoError(t, x.Close())
}

// TestFailedMerge has a merge of everything fail after its file got its name, and the next one cover others: the
// two must not overlap in part.
func TestFailedMerge(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	flush := func(err error) {
		require.NoError(t, err)
		_, err = x.Flush(ctx)
		require.NoError(t, err)
	}
	put := func(from, n int) {
		var vs []dense.Vector
		for i := range n {
			vs = append(vs, dense.Vector{ID: fmt.Sprint(from + i), Version: 1, Values: []float32{1, 2, 3}})
		}
		flush(x.Upsert(ctx, vs))
	}
	drop := func(from, n int) {
		var keys []dense.Key
		for i := range n {
			keys = append(keys, dense.Key{ID: fmt.Sprint(from + i), Version: 1})
		}
		flush(x.Delete(ctx, keys))
	}
	put(0, 10_000)
	drop(0, 2000)
	drop(2000, 1400)
	broken.step = "sync"
	require.ErrorContains(t, x.chain.Merge(ctx), "0000000000000001")
	broken.step = ""
	require.Len(t, vectorFiles(t, cfg.Dir), 4)
	// By itself it would be merged with the last two: most records are live again.
	put(20_000, 700)
	require.NoError(t, x.chain.Merge(ctx))
	require.Len(t, vectorFiles(t, cfg.Dir), 1)
	want := everything(t, x)
	require.NoError(t, x.Close())
	x = openTest(t, cfg)
	require.Equal(t, want, everything(t, x))
	require.NoError(t, x.Close())
}

var errBroken = fmt.Errorf("broken on purpose")

// brokenFS fails at one kind of call.
type brokenFS struct {
	vfs.FS
	step string
}

func (b *brokenFS) Create(path string) (vfs.File, error) {
	if b.step == "create" {
		return nil, errBroken
	}
	return b.FS.Create(path)
}

func (b *brokenFS) Rename(from, to string) error {
	if b.step == "rename" {
		return errBroken
	}
	return b.FS.Rename(from, to)
}

func (b *brokenFS) Link(from, to string) error {
	if b.step == "link" {
		return errBroken
	}
	return b.FS.Link(from, to)
}

func (b *brokenFS) SyncDir(dir string) error {
	if b.step == "sync" {
		return errBroken
	}
	return b.FS.SyncDir(dir)
}

// TestDamage spoils a file: the index does not open and names it.
func TestDamage(t *testing.T) {
	cfg := testConfig(t, 5)
	x := openTest(t, cfg)
	mutate(t, rand.New(rand.NewPCG(3, 3)), x, 100)
	_, err := x.Flush(context.Background())
	require.NoError(t, err)
	_, err = Open(cfg)
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.NoError(t, x.Close())
	path := vectorFiles(t, cfg.Dir)[0]
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o644))
	_, err = Open(cfg)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, filepath.Base(path))
}

// TestReadsTheFirstVersion opens files that were written before vectors had slots and digests.
func TestReadsTheFirstVersion(t *testing.T) {
	cfg := testConfig(t, 3)
	require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS("../vectorfile/testdata/v1")))
	for range 2 {
		x := openTest(t, cfg)
		all := everything(t, x)
		require.Len(t, all, 129)
		v := all["doc7"]
		require.Equal(t, uint64(8), v.Version)
		require.Equal(t, uint16(api.SlotOf("doc7")), v.Slot)
		require.Zero(t, v.Digest)
		require.Len(t, v.Attributes, 3)
		require.Equal(t, uint64(200), all["doc0"].Version)
		require.NotContains(t, all, "doc1")
		if x.AppliedIndex() == 9 {
			require.NoError(t, x.Apply(10, []dense.Vector{{ID: "new", Version: 300, Values: []float32{1, 0, 0}}}, nil))
			require.NoError(t, x.Apply(11, nil, []dense.Key{{ID: "new", Version: 300}}))
			_, err := x.Flush(context.Background())
			require.NoError(t, err)
		}
		require.NoError(t, x.Close())
	}
}
