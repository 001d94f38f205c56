package vectorfile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/vfs"
)

// store is the simplest user of a chain: it holds all vectors in a map.
type store struct {
	chain   *Chain
	vectors map[string]dense.Vector
	dirty   map[string]bool
	index   uint64
}

func testConfig(t testing.TB, dims int) Config {
	return Config{FS: vfs.OS(), Dir: t.TempDir(), Dims: dims, Manual: true}
}

func open(cfg Config) (*store, error) {
	s := &store{vectors: map[string]dense.Vector{}, dirty: map[string]bool{}}
	var err error
	s.chain, err = Open(cfg, func(_ *File, r *Record) error {
		if r.Deleted {
			delete(s.vectors, r.Vector.ID)
			return nil
		}
		v := r.Vector
		v.Values = slices.Clone(v.Values)
		s.vectors[v.ID] = v
		return nil
	})
	if err == nil {
		s.index = s.chain.Index()
	}
	return s, err
}

func openTest(t testing.TB, cfg Config) *store {
	t.Helper()
	s, err := open(cfg)
	require.NoError(t, err)
	return s
}

// mutate changes random ids at the next index.
func (s *store) mutate(rng *rand.Rand, changes int) {
	s.index++
	for range changes {
		id := fmt.Sprint("doc", rng.IntN(500))
		s.dirty[id] = true
		if rng.IntN(4) == 0 {
			delete(s.vectors, id)
			continue
		}
		unit, err := dense.Normalize(densetest.RandomVector(rng, s.chain.cfg.Dims))
		if err != nil {
			panic(err)
		}
		s.vectors[id] = dense.Vector{
			ID: id, Version: s.index, Slot: uint16(rng.IntN(api.Slots)), Digest: [16]byte{byte(s.index), 9},
			Values: unit, Attributes: attributes(),
		}
	}
}

func attributes() []api.Value {
	return []api.Value{
		{Field: "n", Ints: []int64{-1, 1 << 62}}, {Field: "price", Floats: []float64{0.1}},
		{Field: "tag", Strings: []string{"a", "東京"}},
	}
}

// flush writes what changed.
func (s *store) flush(ctx context.Context) error {
	source := Source{Index: s.index, Live: len(s.vectors)}
	for id := range s.dirty {
		_, ok := s.vectors[id]
		source.Records = append(source.Records, Change{ID: id, Deleted: !ok})
	}
	source.Append = func(dst []byte, i int) []byte {
		v := s.vectors[source.Records[i].ID]
		return AppendVector(dst, &v)
	}
	if err := s.chain.Append(ctx, source); err != nil {
		return err
	}
	s.dirty = map[string]bool{}
	return nil
}

func TestChain(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("files are kept mapped: %t", keep), func(t *testing.T) {
			ctx, rng, cfg := context.Background(), rand.New(rand.NewPCG(1, 1)), testConfig(t, 7)
			cfg.Keep = keep
			s := openTest(t, cfg)
			for round := range 60 {
				s.mutate(rng, 1+rng.IntN(60))
				require.NoError(t, s.flush(ctx))
				require.Equal(t, s.index, s.chain.Index())
				if round%3 == 0 {
					require.NoError(t, s.chain.Merge(ctx))
					require.Less(t, len(s.chain.files), 8)
					require.LessOrEqual(t, s.chain.Records(), 2*len(s.vectors)+MergeFloor)
				}
				require.Len(t, vectorFiles(t, cfg.Dir), len(s.chain.files))
				want := s.vectors
				require.NoError(t, s.chain.Close())
				require.ErrorIs(t, s.chain.Close(), ErrClosed)
				s = openTest(t, cfg)
				require.Equal(t, want, s.vectors)
			}
			require.NoError(t, s.chain.Close())
			_, err := s.chain.Checkpoint(ctx, t.TempDir()+"/new")
			require.ErrorIs(t, err, ErrClosed)
			require.ErrorIs(t, s.flush(ctx), ErrClosed)
		})
	}
}

// TestMergesInTheBackground waits for the files to become few.
func TestMergesInTheBackground(t *testing.T) {
	ctx, rng, cfg := context.Background(), rand.New(rand.NewPCG(2, 2)), testConfig(t, 3)
	merges := make(chan Merge, 1000)
	cfg.Manual, cfg.Merged = false, func(m Merge) { merges <- m }
	s := openTest(t, cfg)
	for range 50 {
		s.mutate(rng, 20)
		require.NoError(t, s.flush(ctx))
	}
	// So much that everything is merged with it.
	s.mutate(rng, 3000)
	require.NoError(t, s.flush(ctx))
	for m := range merges {
		if m.File.Last == 51 {
			break
		}
	}
	require.NoError(t, s.chain.Close())
	require.Less(t, len(vectorFiles(t, cfg.Dir)), 8)
	want := s.vectors
	s = openTest(t, cfg)
	require.Equal(t, want, s.vectors)
	require.NoError(t, s.chain.Close())
}

// TestUncovered plans merges.
func TestUncovered(t *testing.T) {
	const none = 1 << 30
	for name, c := range map[string]struct {
		records      []int
		live, forced int
		want         int
	}{
		"nothing":                             {nil, 0, none, 0},
		"one file":                            {[]int{100}, 100, none, 0},
		"a small one behind a large one":      {[]int{1000, 100}, 1100, none, 1},
		"two alike":                           {[]int{10_000, 100, 100}, 10_200, none, 1},
		"one that two make large":             {[]int{300, 100, 100}, 500, none, 0},
		"small ones, however few the records": {[]int{1000, 63, 1}, 1100, none, 1},
		"most of them obsolete":               {[]int{1000, 100, 10}, 500, none, 0},
		"a merge that failed":                 {[]int{9000, 3000, 1000, 100}, 13_000, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, uncovered(c.records, c.live, c.forced))
		})
	}
}

// TestFile reads single records of files that are kept mapped.
func TestFile(t *testing.T) {
	cfg := testConfig(t, 3)
	cfg.Keep = true
	s := openTest(t, cfg)
	v := dense.Vector{ID: "a", Version: 5, Slot: 3, Values: []float32{0, 0.6, 0.8}, Attributes: attributes()}
	require.NoError(t, s.chain.Append(context.Background(), Source{Index: 1}))
	var f *File
	var offsets []uint64
	require.NoError(t, s.chain.Append(context.Background(), Source{
		Index: 2, Live: 1, Records: []Change{{ID: "gone", Deleted: true}, {ID: "a"}},
		Append: func(dst []byte, _ int) []byte { return AppendVector(dst, &v) },
		Placed: func(file *File, at []uint64) { f, offsets = file, at },
	}))
	got, err := f.Vector("a", offsets[1])
	require.NoError(t, err)
	require.Equal(t, v, got)
	for name, bad := range map[string]struct {
		id     string
		offset uint64
	}{
		"another id": {"b", offsets[1]}, "a delete": {"gone", offsets[0]}, "no record's begin": {"a", offsets[1] + 1},
		"behind the end": {"a", 1 << 40}, "the end of numbers": {"a", 1<<64 - 1},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := f.Vector(bad.id, bad.offset)
			require.ErrorIs(t, err, ErrCorrupt)
			require.ErrorContains(t, err, f.Name())
		})
	}
	f.Acquire()
	require.NoError(t, s.chain.Close())
	got, err = f.Vector("a", offsets[1])
	require.NoError(t, err, "a reader keeps the file mapped")
	require.Equal(t, v, got)
	require.NoError(t, f.Release())
	require.Nil(t, f.mapping.Bytes())
}

func TestUnits(t *testing.T) {
	good := dense.Vector{ID: "a", Values: []float32{3, 4}, Attributes: attributes()}
	units, err := Units([]dense.Vector{good}, 2)
	require.NoError(t, err)
	require.Equal(t, []float32{0.6, 0.8}, units[0].Values)
	require.Equal(t, []float32{3, 4}, good.Values)
	for name, spoil := range map[string]func(v *dense.Vector){
		"dimensions": func(v *dense.Vector) { v.Values = []float32{1} },
		"zero":       func(v *dense.Vector) { v.Values = []float32{0, 0} },
		"in order":   func(v *dense.Vector) { v.Attributes = append(attributes(), attributes()...) },
	} {
		bad := good
		bad.ID = "spoiled"
		spoil(&bad)
		_, err := Units([]dense.Vector{good, bad}, 2)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "spoiled")
	}
}
