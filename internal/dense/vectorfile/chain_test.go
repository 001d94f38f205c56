package vectorfile

import (
	"context"
	"fmt"
	"maps"
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
	// offsets are where the vectors were read, by id.
	offsets map[string]uint64
	dirty   map[string]bool
	index   uint64
}

func testConfig(t testing.TB, dims int) Config {
	return Config{FS: vfs.OS(), Dir: t.TempDir(), Dims: dims}
}

func open(cfg Config) (*store, error) {
	s := &store{vectors: map[string]dense.Vector{}, offsets: map[string]uint64{}, dirty: map[string]bool{}}
	var err error
	s.chain, err = Open(cfg, func(_ *File, r *Record) error {
		if r.Deleted {
			delete(s.vectors, r.Vector.ID)
			return nil
		}
		v := r.Vector
		v.Values = slices.Clone(v.Values)
		s.vectors[v.ID], s.offsets[v.ID] = v, r.Offset
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

func (s *store) flush(ctx context.Context) error {
	plan := s.chain.Plan(len(s.dirty), len(s.vectors))
	ids := maps.Clone(s.dirty)
	for _, f := range plan.Covered {
		for _, id := range f.IDs {
			ids[id] = true
		}
	}
	source := Source{Index: s.index}
	for id := range ids {
		if _, ok := s.vectors[id]; ok || !plan.Base() {
			source.IDs = append(source.IDs, id)
		}
	}
	source.Append = func(dst []byte, i int) ([]byte, error) {
		if v, ok := s.vectors[source.IDs[i]]; ok {
			return AppendVector(dst, &v), nil
		}
		return AppendDelete(dst, source.IDs[i]), nil
	}
	_, _, err := s.chain.Write(ctx, plan, source)
	if err != nil {
		return err
	}
	s.dirty = map[string]bool{}
	return s.chain.Drop(plan.Covered)
}

func TestChain(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("files are kept mapped: %t", keep), func(t *testing.T) {
			ctx, rng, cfg := context.Background(), rand.New(rand.NewPCG(1, 1)), testConfig(t, 7)
			cfg.Keep = keep
			s := openTest(t, cfg)
			for range 60 {
				s.mutate(rng, 1+rng.IntN(60))
				require.NoError(t, s.flush(ctx))
				require.Less(t, len(s.chain.Files()), 10)
				require.LessOrEqual(t, s.chain.Records(), 2*len(s.vectors)+2*MergeFloor)
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

// TestFile reads single records of files that are kept mapped.
func TestFile(t *testing.T) {
	cfg := testConfig(t, 3)
	cfg.Keep = true
	s := openTest(t, cfg)
	v := dense.Vector{ID: "a", Version: 5, Slot: 3, Values: []float32{0, 0.6, 0.8}, Attributes: attributes()}
	plan := s.chain.Plan(2, 1)
	f, offsets, err := s.chain.Write(context.Background(), plan, Source{
		Index: 1, IDs: []string{"gone", "a"},
		Append: func(dst []byte, i int) ([]byte, error) {
			if i == 0 {
				return AppendDelete(dst, "gone"), nil
			}
			return AppendVector(dst, &v), nil
		},
	})
	require.NoError(t, err)
	got, err := f.Vector("a", offsets[1])
	require.NoError(t, err)
	require.Equal(t, v, got)
	payload, err := f.AppendPayload([]byte("x"), "a", offsets[1])
	require.NoError(t, err)
	require.Equal(t, AppendVector([]byte("x"), &v), payload)
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
			_, err = f.AppendPayload(nil, bad.id, bad.offset)
			require.ErrorIs(t, err, ErrCorrupt)
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
