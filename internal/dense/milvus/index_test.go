package milvus

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/dense/milvus/milvustest"
)

func TestMain(m *testing.M) {
	// The tests wait for the server's time ticks most of the time, so more of them may run than there are cores.
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(milvustest.Main(m))
}

var collections atomic.Int64

// testName is the name of a new collection.
func testName() string { return fmt.Sprintf("test_%d_%d", os.Getpid(), collections.Add(1)) }

// connectTest gives a connection to the process's server.
func connectTest(t testing.TB) *Server {
	t.Helper()
	cfg := Default()
	cfg.Address = milvustest.Start(t)
	return connectWith(t, cfg)
}

func connectWith(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Connect(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// testCollection gives a new collection over densetest's fields, that is dropped at the end.
func testCollection(t testing.TB, s *Server, config api.DenseConfig) *Index {
	t.Helper()
	name := testName()
	t.Cleanup(func() {
		// The server may be one that the test took away.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Drop(ctx, name); err != nil {
			t.Logf("drop: %v", err)
		}
	})
	return sameCollection(t, s, name, config)
}

func sameCollection(t testing.TB, s *Server, name string, config api.DenseConfig) *Index {
	t.Helper()
	x, err := s.Collection(name, config, densetest.Fields())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, x.Prepare(ctx))
	return x
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := connectTest(t)
	for name, config := range map[string]api.DenseConfig{
		"hnsw": {}, "partitions": {Partition: "tag", Index: &api.VectorIndex{Kind: api.VectorFlat}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			densetest.Run(t, densetest.Config{
				MaxValues: maxSlots, Steps: 8,
				Open: func(t *testing.T, dims int, _ map[string]api.Field) dense.Index {
					config.Dims = dims
					return testCollection(t, s, config)
				},
			})
		})
	}
}

// TestSealed filters in segments that have their indexes; conformance alone sees only such that grow.
func TestSealed(t *testing.T) {
	t.Parallel()
	const documents = 1500
	densetest.RunFilters(t, densetest.Config{
		MaxValues: maxSlots, Documents: documents,
		Open: func(t *testing.T, dims int, _ map[string]api.Field) dense.Index {
			index := &api.VectorIndex{Kind: api.VectorFlat}
			return testCollection(t, connectTest(t), api.DenseConfig{Dims: dims, Index: index})
		},
		Settle: func(t *testing.T, index dense.Index) {
			x, ok := index.(*Index)
			require.True(t, ok)
			seal(t, x, documents)
		},
	})
}

func TestWriters(t *testing.T) {
	t.Parallel()
	a, b := connectTest(t), connectTest(t)
	densetest.RunCollection(t, densetest.CollectionConfig{
		Rounds: 3,
		Open: func(t *testing.T, dims int, _ map[string]api.Field) (dense.Collection, dense.Collection) {
			x := testCollection(t, a, api.DenseConfig{Dims: dims})
			return x, sameCollection(t, b, x.name, api.DenseConfig{Dims: dims})
		},
	})
}

// benchDims are those of multilingual-e5-small.
const benchDims = 384

func BenchmarkUpsert(b *testing.B) {
	s := connectTest(b)
	vs := randomVectors(1000, benchDims)
	for name, config := range map[string]api.DenseConfig{"plain": {}, "partitions": {Partition: "tag"}} {
		b.Run(name, func(b *testing.B) {
			config.Dims = benchDims
			x := testCollection(b, s, config)
			for n := 0; b.Loop(); n++ {
				for i := range vs {
					vs[i].ID = fmt.Sprintf("doc-%d-%d", n, i)
				}
				require.NoError(b, x.Upsert(context.Background(), vs))
			}
			b.ReportMetric(float64(b.N*len(vs))/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSearch measures searches right after a write and without one at each level of consistency, and with
// filters.
func BenchmarkSearch(b *testing.B) {
	const n = 20_000
	ctx := context.Background()
	address := milvustest.Start(b)
	vs := randomVectors(n, benchDims)
	number := api.Scalar{Type: api.TypeInt, Int: 2}
	tag := api.Scalar{Type: api.TypeKeyword, Str: "7"}
	filters := map[string]api.Query{
		"all": nil, "term": &api.Term{Field: "tag", Value: tag},
		"range": &api.Range{Field: "n", GTE: &number, LT: &api.Scalar{Type: api.TypeInt, Int: 4}},
	}
	for name, config := range map[string]api.DenseConfig{"plain": {}, "partitions": {Partition: "tag"}} {
		config.Dims = benchDims
		x := testCollection(b, connectTest(b), config)
		require.NoError(b, x.Upsert(ctx, vs))
		seal(b, x, n)
		for filter, q := range filters {
			b.Run(name+"/"+filter, func(b *testing.B) {
				measure(b, func() {}, func() {
					_, err := x.Search(ctx, dense.Query{Vector: vs[7].Values, K: 100, Filter: q})
					require.NoError(b, err)
				})
			})
		}
		b.Run(name+"/scan", func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, x.Scan(ctx, 0, api.Slots, func(dense.Key) error { return nil }))
			}
		})
		if config.Partition != "" {
			continue
		}
		for _, level := range []Consistency{ConsistencyBounded, ConsistencySession, ConsistencyStrong} {
			cfg := Default()
			cfg.Address, cfg.Consistency = address, level
			y := sameCollection(b, connectWith(b, cfg), x.name, config)
			search := func() {
				_, err := y.Search(ctx, dense.Query{Vector: vs[7].Values, K: 100})
				require.NoError(b, err)
			}
			b.Run(string(level)+"/at rest", func(b *testing.B) { measure(b, func() {}, search) })
			rows, err := y.rows(vs[:1])
			require.NoError(b, err)
			// The row is stored without the wait at the end of an upsert.
			write := func() { require.NoError(b, y.insert(ctx, rows)) }
			b.Run(string(level)+"/after a write", func(b *testing.B) { measure(b, write, search) })
		}
	}
}

// measure reports the median and the 95th percentile of what is done after each preparation.
func measure(b *testing.B, prepare, do func()) {
	var took []float64
	for b.Loop() {
		prepare()
		began := time.Now()
		do()
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
}
