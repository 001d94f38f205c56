// Package densetest is the conformance suite of dense indexes: it holds an implementation to a reference
// that looks at every vector.
package densetest

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
)

// dims is the number of dimensions of the suite's vectors; not a multiple of a machine word.
const dims = 19

// tolerance bounds how far the scores of an index that is not exact may be off: single precision.
const tolerance = 1e-5

// Config describes the implementation under test.
type Config struct {
	// Open gives a new empty index; it is closed by the suite.
	Open func(t *testing.T, dims int, fields map[string]api.Field) dense.Index
	// Exact demands the reference's hits to the bit; without it scores may be off by rounding, and nearly
	// equal ones may change places.
	Exact bool
	// MaxValues is the number of values of a field up to which the index filters by itself.
	MaxValues int
	// Steps is the number of random operations.
	Steps int
	// Documents is the number of documents that filters select from; 0 is 300.
	Documents int
	// Settle is called when those are stored, to bring them into the form that they have in the long run; nil for
	// an index that keeps its form.
	Settle func(t *testing.T, index dense.Index)
}

// RunFilters is the part of Run that tells whether filters select what they should.
func RunFilters(t *testing.T, cfg Config) {
	t.Run("filters select what the reference selects", cfg.filters)
}

// Run holds the implementation to the suite.
func Run(t *testing.T, cfg Config) {
	t.Run("filters select what the reference selects", cfg.filters)
	t.Run("random operations agree with the reference", cfg.operations)
	t.Run("older versions never win", cfg.versions)
	t.Run("an empty index answers", cfg.empty)
	t.Run("bad vectors are refused whole", cfg.badVectors)
	t.Run("bad queries are refused", cfg.badQueries)
	t.Run("a done context ends a call", cfg.contexts)
}

func (cfg Config) open(t *testing.T) (context.Context, dense.Index) {
	t.Helper()
	index := cfg.Open(t, dims, Fields())
	t.Cleanup(func() { require.NoError(t, index.Close()) })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx, index
}

// equal compares an answer with the reference's.
func (cfg Config) equal(t require.TestingT, want, got []dense.Hit) {
	if cfg.Exact {
		require.Equal(t, want, append([]dense.Hit{}, got...))
		return
	}
	require.Len(t, got, len(want))
	scores := map[string]dense.Hit{}
	for _, h := range want {
		scores[h.ID] = h
	}
	for i, h := range got {
		require.InDelta(t, want[i].Score, h.Score, tolerance)
		if w, ok := scores[h.ID]; ok {
			require.Equal(t, w.Version, h.Version)
			require.InDelta(t, w.Score, h.Score, tolerance)
		} else {
			require.InDelta(t, want[len(want)-1].Score, h.Score, tolerance, "%q is not among the best", h.ID)
		}
		delete(scores, h.ID)
	}
}

func (cfg Config) filters(t *testing.T) {
	ctx, index := cfg.open(t)
	rng := rand.New(rand.NewPCG(1, 2))
	ref := newReference(Fields())
	names := ids(cmp.Or(cfg.Documents, 300))
	var vs []dense.Vector
	for i, id := range names {
		vs = append(vs, document(rng, id, uint64(i+1), dims, cfg.MaxValues))
	}
	ref.upsert(vs)
	require.NoError(t, index.Upsert(ctx, vs))
	if cfg.Settle != nil {
		cfg.Settle(t, index)
	}
	// Some rows are replaced and removed, so that filters meet rows that are gone.
	again := []dense.Vector{document(rng, names[3], 1000, dims, cfg.MaxValues), document(rng, names[200], 1001, dims, 1)}
	gone := []dense.Key{{ID: names[5], Version: math.MaxUint64}, {ID: names[201], Version: 202}}
	ref.upsert(again)
	ref.remove(gone)
	require.NoError(t, index.Upsert(ctx, again))
	require.NoError(t, index.Delete(ctx, gone))
	rapid.Check(t, func(t *rapid.T) {
		q := dense.Query{Vector: RandomVector(rng, dims), K: rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "k")}
		q.Filter = drawFilter(t, names, 2)
		want, err := ref.search(q)
		require.NoError(t, err)
		got, err := index.Search(ctx, q)
		require.NoError(t, err)
		cfg.equal(t, want, got)
	})
}

func (cfg Config) operations(t *testing.T) {
	ctx, index := cfg.open(t)
	rng := rand.New(rand.NewPCG(3, 4))
	ref := newReference(Fields())
	names := ids(60)
	for range cfg.Steps {
		if rng.IntN(3) > 0 {
			var vs []dense.Vector
			for range 1 + rng.IntN(20) {
				vs = append(vs, document(rng, names[rng.IntN(len(names))], uint64(rng.IntN(50)), dims, cfg.MaxValues))
			}
			ref.upsert(vs)
			require.NoError(t, index.Upsert(ctx, vs))
		} else {
			var keys []dense.Key
			for range 1 + rng.IntN(10) {
				keys = append(keys, dense.Key{ID: names[rng.IntN(len(names))], Version: uint64(rng.IntN(50))})
			}
			ref.remove(keys)
			require.NoError(t, index.Delete(ctx, keys))
		}
		q := dense.Query{Vector: RandomVector(rng, dims), K: 1 + rng.IntN(80)}
		want, err := ref.search(q)
		require.NoError(t, err)
		got, err := index.Search(ctx, q)
		require.NoError(t, err)
		cfg.equal(t, want, got)
		count, err := index.Count(ctx)
		require.NoError(t, err)
		require.Equal(t, len(ref.vectors), count)
	}
}

func (cfg Config) versions(t *testing.T) {
	ctx, index := cfg.open(t)
	axis := func(i int) []float32 {
		v := make([]float32, dims)
		v[i] = 3
		return v
	}
	version := func() []uint64 {
		hits, err := index.Search(ctx, dense.Query{Vector: axis(0), K: 5})
		require.NoError(t, err)
		out := []uint64{}
		for _, h := range hits {
			out = append(out, h.Version)
		}
		return out
	}
	put := func(v uint64) {
		require.NoError(t, index.Upsert(ctx, []dense.Vector{{ID: "a", Version: v, Values: axis(0)}}))
	}
	put(5)
	put(3)
	require.Equal(t, []uint64{5}, version())
	require.NoError(t, index.Delete(ctx, []dense.Key{{ID: "a", Version: 4}, {ID: "b", Version: 9}}))
	require.Equal(t, []uint64{5}, version())
	require.NoError(t, index.Upsert(ctx, []dense.Vector{
		{ID: "a", Version: 8, Values: axis(0)}, {ID: "a", Version: 7, Values: axis(1)},
	}))
	require.Equal(t, []uint64{8}, version())
	require.NoError(t, index.Delete(ctx, []dense.Key{{ID: "a", Version: math.MaxUint64}}))
	require.Empty(t, version())
	put(2)
	require.Equal(t, []uint64{2}, version())
}

func (cfg Config) empty(t *testing.T) {
	ctx, index := cfg.open(t)
	query := RandomVector(rand.New(rand.NewPCG(5, 6)), dims)
	hits, err := index.Search(ctx, dense.Query{Vector: query, K: 10})
	require.NoError(t, err)
	require.Empty(t, hits)
	count, err := index.Count(ctx)
	require.NoError(t, err)
	require.Zero(t, count)
	require.NoError(t, index.Delete(ctx, []dense.Key{{ID: "a", Version: 1}}))
	require.NoError(t, index.Delete(ctx, nil))
	require.NoError(t, index.Upsert(ctx, nil))
	require.NoError(t, index.Upsert(ctx, []dense.Vector{{ID: "a", Version: 1, Values: query}}))
	hits, err = index.Search(ctx, dense.Query{Vector: query, K: 0})
	require.NoError(t, err)
	require.Empty(t, hits)
}

func (cfg Config) badVectors(t *testing.T) {
	ctx, index := cfg.open(t)
	good := RandomVector(rand.New(rand.NewPCG(7, 8)), dims)
	for name, c := range map[string]struct {
		values []float32
		want   error
	}{
		"short": {good[1:], dense.ErrDimension}, "none": {nil, dense.ErrDimension},
		"zero": {make([]float32, dims), dense.ErrNotFinite},
		"nan":  {append([]float32{float32(math.NaN())}, good[1:]...), dense.ErrNotFinite},
		"inf":  {append([]float32{float32(math.Inf(1))}, good[1:]...), dense.ErrNotFinite},
	} {
		err := index.Upsert(ctx, []dense.Vector{
			{ID: "a", Version: 1, Values: good}, {ID: "bad", Version: 2, Values: c.values},
		})
		require.ErrorIs(t, err, c.want, name)
		require.ErrorContains(t, err, `"bad"`, name)
		_, err = index.Search(ctx, dense.Query{Vector: c.values, K: 1})
		require.ErrorIs(t, err, c.want, name)
	}
	count, err := index.Count(ctx)
	require.NoError(t, err)
	require.Zero(t, count)
}

func (cfg Config) badQueries(t *testing.T) {
	ctx, index := cfg.open(t)
	query := RandomVector(rand.New(rand.NewPCG(9, 10)), dims)
	for name, q := range map[string]api.Query{
		`match`:           &api.Match{Text: "x"},
		`phrase`:          &api.Bool{Must: []api.Query{&api.Phrase{Text: "x"}}},
		`sparse_vector`:   &api.Bool{MustNot: []api.Query{&api.SparseVector{Field: "s"}}},
		`"body"`:          &api.Term{Field: "body", Value: api.Scalar{Type: api.TypeText}},
		`prefix`:          &api.Prefix{Field: "n", Value: "1"},
		`range`:           &api.Range{Field: "open"},
		`of type keyword`: &api.Term{Field: "n", Value: api.Scalar{Type: api.TypeKeyword}},
	} {
		_, err := index.Search(ctx, dense.Query{Vector: query, K: 1, Filter: q})
		require.ErrorIs(t, err, dense.ErrFilterUnsupported, name)
		require.ErrorContains(t, err, name)
	}
}

func (cfg Config) contexts(t *testing.T) {
	_, index := cfg.open(t)
	query := RandomVector(rand.New(rand.NewPCG(11, 12)), dims)
	late, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	_, err := index.Search(late, dense.Query{Vector: query, K: 1})
	require.ErrorIs(t, err, dense.ErrTimeout)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = index.Search(gone, dense.Query{Vector: query, K: 1})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, index.Upsert(gone, []dense.Vector{{ID: "a", Values: query}}), context.Canceled)
}
