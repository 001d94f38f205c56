package flat

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
)

// clustered draws vectors with a common part and some equal ones, as the texts of a corpus give.
func clustered(rng *rand.Rand, n, dims int) []dense.Vector {
	out := make([]dense.Vector, n)
	for i := range out {
		v := make([]float32, dims)
		for d := range v {
			v[d] = 1.5 + float32(rng.NormFloat64())
		}
		if i > 0 && rng.IntN(50) == 0 {
			v = out[rng.IntN(i)].Values
		}
		out[i] = dense.Vector{ID: fmt.Sprintf("doc-%06d", i), Version: uint64(i + 1), Values: v}
	}
	return out
}

// plainScan compares the query with every vector.
func plainScan(t testing.TB, vs []dense.Vector, q dense.Query) []dense.Hit {
	query, err := dense.Normalize(q.Vector)
	require.NoError(t, err)
	var hits []dense.Hit
	for _, v := range vs {
		unit, err := dense.Normalize(v.Values)
		require.NoError(t, err)
		hits = append(hits, dense.Hit{ID: v.ID, Version: v.Version, Score: dense.Dot(query, unit)})
	}
	slices.SortFunc(hits, func(a, b dense.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return hits[:min(q.K, len(hits))]
}

// FuzzKernels holds the vector kernel to the scalar one.
func FuzzKernels(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(2), true)
	f.Add(uint64(2), uint8(12), uint8(40), false)
	f.Fuzz(func(t *testing.T, seed uint64, lanes, rows uint8, extreme bool) {
		width := lane * (1 + int(lanes)%16)
		rng := rand.New(rand.NewPCG(seed, 0))
		query, codes := make([]int16, width), make([]int8, width*int(rows))
		for i := range query {
			query[i] = int16(rng.IntN(2*32767+1) - 32767)
			if extreme {
				query[i] = 32767
			}
		}
		for i := range codes {
			codes[i] = int8(rng.IntN(255) - 127)
			if extreme {
				codes[i] = 127
			}
		}
		want, got := make([]int32, rows), make([]int32, rows)
		dotRowsScalar(want, query, codes)
		fastestKernel()(got, query, codes)
		require.Equal(t, want, got)
	})
}

// FuzzBound holds the error bound to exact products of arbitrary vectors.
func FuzzBound(f *testing.F) {
	f.Add(uint64(1), uint16(384))
	f.Add(uint64(2), uint16(1))
	f.Fuzz(func(t *testing.T, seed uint64, dims uint16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		draw := func() []float32 {
			v := make([]float32, 1+int(dims)%2000)
			for i := range v {
				// Of very different sizes, so that codes are as bad as they can be.
				v[i] = float32(rng.NormFloat64()) * float32(int(1)<<rng.IntN(20))
			}
			unit, err := dense.Normalize(v)
			require.NoError(t, err)
			return unit
		}
		query, row := draw(), draw()
		codes := make([]int8, stride(len(row)))
		scale, off := quantiseRow(codes, row)
		q := quantiseQuery(query)
		product := make([]int32, 1)
		dotRowsScalar(product, q.codes, codes)
		estimate, bound := q.bounds(product[0], scale, off)
		require.InDelta(t, float64(dense.Dot(query, row)), estimate, bound)
	})
}

func BenchmarkSearch(b *testing.B) {
	filter := &api.Term{Field: "n", Value: api.Scalar{Type: api.TypeInt, Int: 3}}
	for _, n := range []int{5_000, 200_000} {
		x := openTest(b, testConfig(b, 384))
		rng := rand.New(rand.NewPCG(2, 2))
		vs := clustered(rng, n, 384)
		for i := range vs {
			vs[i].Attributes = []api.Value{{Field: "n", Ints: []int64{int64(i % 10)}}}
		}
		require.NoError(b, x.Upsert(context.Background(), vs))
		query := clustered(rng, 1, 384)[0].Values
		for name, f := range map[string]api.Query{"all": nil, "tenth": filter} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := x.Search(context.Background(), dense.Query{Vector: query, K: 100, Filter: f})
					require.NoError(b, err)
				}
			})
		}
		require.NoError(b, x.Close())
	}
}
