package flat

import (
	"context"
	"encoding/binary"
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
		index, err := x.Flush(ctx)
		require.NoError(t, err)
		require.Equal(t, x.AppliedIndex(), index)
		require.Equal(t, index, x.DurableIndex())
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
		records := 0
		for _, f := range x.files {
			records += len(f.ids)
		}
		require.LessOrEqual(t, records, 2*100+mergeFloor)
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
		want := everything(t, x)
		require.NoError(t, x.Close())
		x = openTest(t, cfg)
		require.Equal(t, want, everything(t, x))
	}
	require.NoError(t, x.Close())
}

// TestFailedMerge has a flush of everything fail after its file got its name, and the next one be small:
// the first one's file must not be taken for newer.
func TestFailedMerge(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	broken := &brokenFS{FS: cfg.FS}
	cfg.FS = broken
	x := openTest(t, cfg)
	put := func(n int, version uint64) {
		var vs []dense.Vector
		for i := range n {
			vs = append(vs, dense.Vector{ID: fmt.Sprint(i), Version: version, Values: []float32{1, 2, 3}})
		}
		require.NoError(t, x.Upsert(ctx, vs))
	}
	put(1000, 1)
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	for i := range 490 {
		require.NoError(t, x.Delete(ctx, []dense.Key{{ID: fmt.Sprint(i), Version: 1}}))
	}
	broken.step = "sync"
	_, err = x.Flush(ctx)
	require.ErrorIs(t, err, errBroken)
	broken.step = ""
	put(400, 2)
	_, err = x.Flush(ctx)
	require.NoError(t, err)
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

// written makes a directory with two files and gives its configuration.
func written(t *testing.T) Config {
	t.Helper()
	cfg := testConfig(t, 5)
	x := openTest(t, cfg)
	rng := rand.New(rand.NewPCG(3, 3))
	mutate(t, rng, x, 400)
	_, err := x.Flush(context.Background())
	require.NoError(t, err)
	mutate(t, rng, x, 20)
	_, err = x.Flush(context.Background())
	require.NoError(t, err)
	require.NoError(t, x.Close())
	require.Len(t, vectorFiles(t, cfg.Dir), 2)
	return cfg
}

func TestDamage(t *testing.T) {
	cfg := written(t)
	path := vectorFiles(t, cfg.Dir)[1]
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := func(t *testing.T, data []byte, want error) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, data, 0o644))
		_, err := Open(cfg)
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, filepath.Base(path))
	}
	t.Run("every flipped bit is noticed", func(t *testing.T) {
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << (i % 8)
			if i >= 8 && i < 12 {
				// The version field: a higher version is told apart from damage.
				require.NoError(t, os.WriteFile(path, bad, 0o644))
				_, err := Open(cfg)
				require.Error(t, err)
				continue
			}
			refused(t, bad, ErrCorrupt)
		}
	})
	t.Run("every truncation is noticed", func(t *testing.T) {
		for i := 0; i < len(good); i += 7 {
			refused(t, good[:i], ErrCorrupt)
		}
	})
	t.Run("bytes behind the end are noticed", func(t *testing.T) {
		refused(t, append(good[:len(good):len(good)], 0), ErrCorrupt)
	})
	t.Run("a newer version is refused", func(t *testing.T) {
		bad := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(bad[8:], formatVersion+1)
		refused(t, bad, ErrVersion)
	})
	t.Run("other dimensions are refused", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, good, 0o644))
		other := cfg
		other.Dims = 6
		_, err := Open(other)
		require.ErrorIs(t, err, dense.ErrDimension)
		require.ErrorContains(t, err, "5")
		require.ErrorContains(t, err, "6")
	})
	t.Run("a missing file is noticed", func(t *testing.T) {
		first := vectorFiles(t, cfg.Dir)[0]
		require.NoError(t, os.Rename(first, first+".bak"))
		_, err := Open(cfg)
		require.ErrorIs(t, err, ErrCorrupt)
		require.NoError(t, os.Rename(first+".bak", first))
	})
	t.Run("a second index on the directory is refused", func(t *testing.T) {
		x := openTest(t, cfg)
		_, err := Open(cfg)
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.NoError(t, x.Close())
	})
	t.Run("what a crash left is removed", func(t *testing.T) {
		tmp := filepath.Join(cfg.Dir, fileName(3, 3)+tmpExt)
		covered := filepath.Join(cfg.Dir, fileName(2, 2))
		require.NoError(t, os.WriteFile(tmp, good[:20], 0o644))
		x := openTest(t, cfg)
		want := everything(t, x)
		mutate(t, rand.New(rand.NewPCG(4, 4)), x, 0)
		_, err := x.Flush(context.Background())
		require.NoError(t, err)
		require.NoError(t, x.Close())
		require.NoFileExists(t, tmp)
		require.NoFileExists(t, covered)
		require.NoError(t, os.WriteFile(covered, good, 0o644))
		x = openTest(t, cfg)
		require.Equal(t, want, everything(t, x))
		require.NoFileExists(t, covered)
		require.NoError(t, x.Close())
	})
}

// FuzzFile feeds the reader arbitrary bytes, with and without checksums put right.
func FuzzFile(f *testing.F) {
	v := dense.Vector{ID: "a", Version: 7, Values: []float32{0.6, 0.8}, Attributes: []api.Value{
		{Field: "n", Ints: []int64{1, 2}}, {Field: "price", Floats: []float64{1}}, {Field: "tag", Strings: []string{"x"}},
	}}
	h := header{dims: 2, first: 1, last: 1, index: 9, records: 2}
	file := h.encode()
	for _, payload := range [][]byte{appendVector(nil, &v), appendString([]byte{recordDelete}, "b")} {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(payload)))
		file = binary.LittleEndian.AppendUint32(file, castagnoli(payload))
		file = append(file, payload...)
	}
	f.Add(file, true)
	f.Add(file[:70], true)
	f.Add([]byte(magic), false)
	f.Fuzz(func(t *testing.T, data []byte, repair bool) {
		if repair {
			data = repaired(data)
		}
		records := uint64(0)
		h, err := decodeFile(data, 2, func(kind byte, v *dense.Vector) error {
			records++
			if kind == recordVector {
				require.Len(t, v.Values, 2)
			}
			return nil
		})
		if err == nil {
			require.Equal(t, h.records, records)
		}
	})
}

// repaired puts the checksums right as far as the lengths go.
func repaired(data []byte) []byte {
	data = append([]byte(nil), data...)
	if len(data) < headerSize {
		return data
	}
	binary.LittleEndian.PutUint32(data[52:], castagnoli(data[:52]))
	for at := headerSize; at+frameSize <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at:]))
		end := at + frameSize + size
		if end > len(data) {
			break
		}
		binary.LittleEndian.PutUint32(data[at+4:], castagnoli(data[at+frameSize:end]))
		at = end
	}
	return data
}
