package milvus

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/dense/milvus/milvustest"
)

func TestUnavailable(t *testing.T) {
	t.Run("a closed port is named at once", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		cfg := Default()
		cfg.Address, cfg.Collection, cfg.Dims = l.Addr().String(), "none", 3
		require.NoError(t, l.Close())
		_, err = Open(context.Background(), cfg)
		require.ErrorIs(t, err, dense.ErrUnavailable)
		require.NotErrorIs(t, err, dense.ErrTimeout)
		require.ErrorContains(t, err, cfg.Address)
	})
	t.Run("a server that says nothing is given up", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		cfg := Default()
		cfg.Address, cfg.Collection, cfg.Dims = l.Addr().String(), "none", 3
		cfg.OpenTimeout = 200 * time.Millisecond
		_, err = Open(context.Background(), cfg)
		require.ErrorIs(t, err, dense.ErrTimeout)
	})
}

func TestRestart(t *testing.T) {
	server, err := milvustest.New("")
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Remove()) }()
	cfg := Default()
	cfg.Address, cfg.Collection, cfg.Dims, cfg.Fields = server.Address, "restart", 4, densetest.Fields()
	ctx := context.Background()
	x := openTest(t, cfg)
	vs := []dense.Vector{
		{ID: "a", Version: 1, Values: []float32{1, 0, 0, 0}, Attributes: []api.Value{{Field: "tag", Strings: []string{"x"}}}},
		{ID: "b", Version: 2, Values: []float32{0, 1, 0, 0}},
	}
	require.NoError(t, x.Upsert(ctx, vs))
	require.NoError(t, server.Stop())
	_, err = x.Search(ctx, dense.Query{Vector: vs[0].Values, K: 1})
	require.ErrorIs(t, err, dense.ErrUnavailable)
	require.ErrorIs(t, x.Upsert(ctx, vs), dense.ErrUnavailable)
	_, err = x.Count(ctx)
	require.ErrorIs(t, err, dense.ErrUnavailable)
	require.NoError(t, x.Close())

	require.NoError(t, server.Start())
	cfg.Address = server.Address
	x = openTest(t, cfg)
	count, err := x.Count(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, count)
	filter := &api.Prefix{Field: "tag", Value: "x"}
	hits, err := x.Search(ctx, dense.Query{Vector: vs[0].Values, K: 5, Filter: filter})
	require.NoError(t, err)
	require.Len(t, hits, 1)
	require.Equal(t, "a", hits[0].ID)
	require.NoError(t, x.Close())
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	cfg := testConfig(t, 3)
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Drop(ctx)) }()
	t.Run("another number of dimensions is refused", func(t *testing.T) {
		other := cfg
		other.Dims = 4
		_, err := Open(ctx, other)
		require.ErrorIs(t, err, dense.ErrDimension)
		require.ErrorContains(t, err, "the collection has 3, the index has 4")
	})
	t.Run("another schema is refused", func(t *testing.T) {
		other := cfg
		other.Collection += "_foreign"
		schema := entity.NewSchema().WithName(other.Collection).
			WithField(entity.NewField().WithName("key").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
			WithField(entity.NewField().WithName(vectorColumn).WithDataType(entity.FieldTypeFloatVector).WithDim(3))
		require.NoError(t, x.client.CreateCollection(ctx, schema, 1))
		_, err := Open(ctx, other)
		require.ErrorIs(t, err, ErrSchema)
		require.ErrorContains(t, err, `"id"`)
		require.NoError(t, x.client.DropCollection(ctx, other.Collection))
	})
	t.Run("two may open one collection", func(t *testing.T) {
		other := openTest(t, cfg)
		require.NoError(t, other.Close())
	})
	t.Run("bad configuration is named", func(t *testing.T) {
		for name, spoil := range map[string]func(*Config){
			"Address": func(c *Config) { c.Address = "" }, "Collection": func(c *Config) { c.Collection = "a-b" },
			"Dims": func(c *Config) { c.Dims = 0 }, "M is": func(c *Config) { c.M = 1 },
			"EfConstruction": func(c *Config) { c.EfConstruction = 0 }, "Ef is": func(c *Config) { c.Ef = maxEf + 1 },
			"Consistency": func(c *Config) { c.Consistency = "none" }, "Timeout": func(c *Config) { c.Timeout = 0 },
		} {
			bad := cfg
			spoil(&bad)
			_, err := Open(ctx, bad)
			require.ErrorIs(t, err, ErrConfig)
			require.ErrorContains(t, err, name)
		}
	})
}

func TestLimits(t *testing.T) {
	ctx := context.Background()
	x := openTest(t, testConfig(t, 3))
	defer func() { require.NoError(t, x.Drop(ctx)) }()
	put := func(v dense.Vector) error {
		v.Values = []float32{1, 2, 3}
		return x.Upsert(ctx, []dense.Vector{v})
	}
	search := func(filter api.Query) ([]dense.Hit, error) {
		return x.Search(ctx, dense.Query{Vector: []float32{1, 2, 3}, K: 10, Filter: filter})
	}
	t.Run("bad ids are refused", func(t *testing.T) {
		for _, id := range []string{"", strings.Repeat("x", api.MaxIDBytes+1), "\xff"} {
			require.ErrorIs(t, put(dense.Vector{ID: id}), ErrID)
			require.NoError(t, x.Delete(ctx, []dense.Key{{ID: id, Version: math.MaxUint64}}))
		}
	})
	t.Run("the longest id is kept", func(t *testing.T) {
		id := strings.Repeat("東", api.MaxIDBytes/3) + `"\`
		require.NoError(t, put(dense.Vector{ID: id, Version: math.MaxInt64}))
		hits, err := search(&api.IDs{Values: []string{id}})
		require.NoError(t, err)
		require.Len(t, hits, 1)
		require.Equal(t, id, hits[0].ID)
		require.Equal(t, uint64(math.MaxInt64), hits[0].Version)
		require.NoError(t, x.Delete(ctx, []dense.Key{{ID: id, Version: math.MaxUint64}}))
	})
	t.Run("too large attributes and versions are refused", func(t *testing.T) {
		require.ErrorIs(t, put(dense.Vector{ID: "a", Version: math.MaxUint64}), dense.ErrTooLarge)
		values := api.Value{Field: "tag"}
		for i := range 10 {
			values.Strings = append(values.Strings, strings.Repeat(fmt.Sprint(i), 4000))
		}
		err := put(dense.Vector{ID: "big", Attributes: []api.Value{values}})
		require.ErrorIs(t, err, dense.ErrTooLarge)
		require.ErrorContains(t, err, `"big"`)
	})
	t.Run("intervals are left to the caller while a document has many values", func(t *testing.T) {
		many := api.Value{Field: "n"}
		for i := range int64(maxSlots + 1) {
			many.Ints = append(many.Ints, i)
		}
		low, high := api.Scalar{Type: api.TypeInt, Int: 4}, api.Scalar{Type: api.TypeInt, Int: 5}
		interval := &api.Range{Field: "n", GTE: &low, LTE: &high}
		require.NoError(t, put(dense.Vector{ID: "a", Version: 1, Attributes: []api.Value{many}}))
		_, err := search(&api.Bool{MustNot: []api.Query{interval}})
		require.ErrorIs(t, err, dense.ErrFilterUnsupported)
		for _, q := range []api.Query{
			&api.Range{Field: "n", GT: &low}, &api.Range{Field: "n", LT: &high}, &api.Term{Field: "n", Value: low},
		} {
			hits, err := search(q)
			require.NoError(t, err)
			require.Len(t, hits, 1)
		}
		require.NoError(t, x.Delete(ctx, []dense.Key{{ID: "a", Version: 1}}))
		hits, err := search(interval)
		require.NoError(t, err)
		require.Empty(t, hits)
	})
	t.Run("a call that takes too long ends with a timeout", func(t *testing.T) {
		cfg := x.cfg
		cfg.Timeout = time.Nanosecond
		impatient := &Index{cfg: cfg, fields: x.fields, level: x.level, client: x.client}
		_, err := impatient.Search(ctx, dense.Query{Vector: []float32{1, 2, 3}, K: 1})
		require.ErrorIs(t, err, dense.ErrTimeout)
	})
}

// TestGraph searches sealed segments, where the graph answers, and not every segment's growing tail.
func TestGraph(t *testing.T) {
	const dims, n = 64, 5000
	ctx := context.Background()
	cfg := testConfig(t, dims)
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Drop(ctx)) }()
	rng := rand.New(rand.NewPCG(1, 1))
	vs := make([]dense.Vector, n)
	for i := range vs {
		vs[i] = dense.Vector{ID: fmt.Sprintf("doc-%04d", i), Version: uint64(i + 1)}
		vs[i].Values = densetest.RandomVector(rng, dims)
		vs[i].Attributes = []api.Value{{Field: "n", Ints: []int64{int64(i % 7)}}}
	}
	require.NoError(t, x.Upsert(ctx, vs))
	require.NoError(t, x.client.Flush(ctx, cfg.Collection, false))
	require.Eventually(t, func() bool {
		total, indexed, err := x.client.GetIndexBuildProgress(ctx, cfg.Collection, vectorColumn)
		return err == nil && total == n && indexed == total
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, x.client.LoadCollection(ctx, cfg.Collection, false))
	for name, filter := range map[string]api.Query{
		"without a filter": nil, "with a filter": &api.Term{Field: "n", Value: api.Scalar{Type: api.TypeInt, Int: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			found, wanted := 0, 0
			for range 20 {
				q := dense.Query{Vector: densetest.RandomVector(rng, dims), K: 100, Filter: filter}
				hits, err := x.Search(ctx, q)
				require.NoError(t, err)
				found += len(hits)
				best := kthBest(t, vs, q)
				for _, h := range hits {
					if h.Score < best-1e-5 {
						found--
					}
				}
				wanted += q.K
			}
			require.Greater(t, float64(found)/float64(wanted), 0.9, "recall at 100")
		})
	}
}

// kthBest is the exact score that a hit must reach.
func kthBest(t *testing.T, vs []dense.Vector, q dense.Query) float32 {
	t.Helper()
	hits, err := densetest.Exact(vs, densetest.Fields(), q)
	require.NoError(t, err)
	return hits[len(hits)-1].Score
}

func BenchmarkSearch(b *testing.B) {
	const dims, n = 384, 5000
	ctx := context.Background()
	x := openTest(b, testConfig(b, dims))
	defer func() { require.NoError(b, x.Drop(ctx)) }()
	rng := rand.New(rand.NewPCG(2, 2))
	vs := make([]dense.Vector, n)
	for i := range vs {
		vs[i] = dense.Vector{ID: fmt.Sprint(i), Version: 1, Values: densetest.RandomVector(rng, dims)}
		vs[i].Attributes = []api.Value{{Field: "n", Ints: []int64{int64(i % 7)}}}
	}
	began := time.Now()
	require.NoError(b, x.Upsert(ctx, vs))
	b.Logf("upsert of %d x %d: %s", n, dims, time.Since(began))
	low, high := api.Scalar{Type: api.TypeInt, Int: 2}, api.Scalar{Type: api.TypeInt, Int: 4}
	for name, filter := range map[string]api.Query{
		"all": nil, "term": &api.Term{Field: "n", Value: low}, "range": &api.Range{Field: "n", GTE: &low, LT: &high},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := x.Search(ctx, dense.Query{Vector: vs[7].Values, K: 100, Filter: filter})
				require.NoError(b, err)
			}
		})
	}
}
