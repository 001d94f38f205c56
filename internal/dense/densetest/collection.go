package densetest

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
)

// CollectionConfig describes the implementation of dense.Collection under test.
type CollectionConfig struct {
	// Open gives two writers of one new empty collection; they are closed by the suite.
	Open func(t *testing.T, dims int, fields map[string]api.Field) (a, b dense.Collection)
	// Rounds is the number of random histories that two writers go through at the same time.
	Rounds int
}

// RunCollection holds the implementation to what dense.Collection demands beyond dense.Index; see Run.
func RunCollection(t *testing.T, cfg CollectionConfig) {
	t.Run("writers in turn end with the newest versions", cfg.inTurn)
	t.Run("writers at the same time end with the newest versions", cfg.together)
	t.Run("a scan gives the slots asked for", cfg.scan)
	t.Run("writers see one identity", cfg.identity)
}

func (cfg CollectionConfig) open(t *testing.T) (context.Context, []dense.Collection) {
	t.Helper()
	a, b := cfg.Open(t, dims, Fields())
	t.Cleanup(func() { require.NoError(t, errors.Join(a.Close(), b.Close())) })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx, []dense.Collection{a, b}
}

// scanned gives the versions of all documents, ascending for each.
func scanned(t require.TestingT, ctx context.Context, c dense.Collection) map[string][]uint64 {
	got := map[string][]uint64{}
	require.NoError(t, c.Scan(ctx, 0, api.Slots, func(k dense.Key) error {
		got[k.ID] = append(got[k.ID], k.Version)
		return nil
	}))
	for id := range got {
		slices.Sort(got[id])
	}
	return got
}

// operation is what one writer does to some documents.
type operation struct {
	writer int
	remove bool
	keys   []dense.Key
}

func drawOperation(t *rapid.T) operation {
	keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dense.Key {
		return dense.Key{
			ID:      rapid.SampledFrom(ids(12)).Draw(t, "id"),
			Version: rapid.Uint64Range(0, 30).Draw(t, "version"),
		}
	}), 1, 6)
	return operation{
		writer: rapid.IntRange(0, 1).Draw(t, "writer"), remove: rapid.IntRange(0, 3).Draw(t, "kind") == 0,
		keys: keys.Draw(t, "keys"),
	}
}

// inTurn lets two writers do the same as one: each operation begins after the one before it ended. The histories
// are examples, since a server takes its time for each operation.
func (cfg CollectionConfig) inTurn(t *testing.T) {
	ctx, writers := cfg.open(t)
	rng := rand.New(rand.NewPCG(21, 22))
	ref := newReference(Fields())
	histories := rapid.SliceOfN(rapid.Custom(drawOperation), 4, 8)
	for round := range cfg.Rounds {
		for _, op := range histories.Example(round) {
			if op.remove {
				ref.remove(op.keys)
				require.NoError(t, writers[op.writer].Delete(ctx, op.keys))
				continue
			}
			var vs []dense.Vector
			for _, k := range op.keys {
				vs = append(vs, document(rng, k.ID, k.Version, dims, 1))
			}
			ref.upsert(vs)
			require.NoError(t, writers[op.writer].Upsert(ctx, vs))
		}
		want := map[string][]uint64{}
		for id, v := range ref.vectors {
			want[id] = []uint64{v.Version}
		}
		require.Equal(t, want, scanned(t, ctx, writers[round%len(writers)]))
	}
}

// together lets two writers store versions of the same documents at the same time: whatever the order, the newest
// must be left, alone.
func (cfg CollectionConfig) together(t *testing.T) {
	ctx, writers := cfg.open(t)
	names := ids(20)
	newest := map[string]uint64{}
	for round := range cfg.Rounds {
		var work sync.WaitGroup
		results := make([]error, len(writers))
		for i, writer := range writers {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			var calls [][]dense.Vector
			for range 3 {
				var vs []dense.Vector
				for range 5 {
					v := document(rng, names[rng.IntN(len(names))], 1+uint64(rng.IntN(1000)), dims, 1)
					newest[v.ID] = max(newest[v.ID], v.Version)
					vs = append(vs, v)
				}
				calls = append(calls, vs)
			}
			work.Go(func() {
				for _, vs := range calls {
					results[i] = errors.Join(results[i], writer.Upsert(ctx, vs))
				}
			})
		}
		work.Wait()
		require.NoError(t, errors.Join(results...))
		want := map[string][]uint64{}
		for id, version := range newest {
			want[id] = []uint64{version}
		}
		require.Equal(t, want, scanned(t, ctx, writers[round%len(writers)]))
	}
	hits, err := writers[0].Search(ctx, dense.Query{Vector: RandomVector(rand.New(rand.NewPCG(1, 9)), dims), K: 100})
	require.NoError(t, err)
	require.Len(t, hits, len(newest))
	for _, h := range hits {
		require.Equal(t, newest[h.ID], h.Version, h.ID)
	}
}

func (cfg CollectionConfig) scan(t *testing.T) {
	ctx, writers := cfg.open(t)
	rng := rand.New(rand.NewPCG(23, 24))
	slots := map[string]int{}
	var vs []dense.Vector
	for i, id := range ids(200) {
		v := document(rng, id, uint64(i), dims, 1)
		slots[id] = int(v.Slot)
		vs = append(vs, v)
	}
	vs[7].Version = math.MaxInt64
	require.NoError(t, writers[0].Upsert(ctx, vs))
	for _, bounds := range [][2]int{{0, api.Slots}, {0, 1000}, {1000, 3000}, {17, 18}, {5, 5}, {3000, api.Slots}} {
		want := map[string]int{}
		maps.Copy(want, slots)
		maps.DeleteFunc(want, func(_ string, slot int) bool { return slot < bounds[0] || slot >= bounds[1] })
		got := map[string]int{}
		require.NoError(t, writers[1].Scan(ctx, bounds[0], bounds[1], func(k dense.Key) error {
			require.NotContains(t, got, k.ID)
			got[k.ID] = slots[k.ID]
			return nil
		}))
		require.Equal(t, want, got)
	}
	enough := errors.New("enough")
	require.Equal(t, enough, writers[1].Scan(ctx, 0, api.Slots, func(dense.Key) error { return enough }))
	gone, cancel := context.WithCancel(ctx)
	cancel()
	none := func(dense.Key) error { return nil }
	require.ErrorIs(t, writers[1].Scan(gone, 0, api.Slots, none), context.Canceled)
}

func (cfg CollectionConfig) identity(t *testing.T) {
	ctx, writers := cfg.open(t)
	a, err := writers[0].Identity(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, a)
	b, err := writers[1].Identity(ctx)
	require.NoError(t, err)
	require.Equal(t, a, b)
	_, others := cfg.open(t)
	c, err := others[0].Identity(ctx)
	require.NoError(t, err)
	require.NotEqual(t, a, c)
}
