package vault

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
)

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
