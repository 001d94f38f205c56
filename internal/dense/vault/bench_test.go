package vault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
)

// benchVectors is the number of vectors of the vault that benchmarks read; costs per vector hardly depend on
// it.
const benchVectors, benchDims = 100_000, 384

// fill makes a vault of n vectors.
func fill(b *testing.B, cfg Config, n int) *Index {
	b.Helper()
	x := openTest(b, cfg)
	for from := 0; from < n; from += 1000 {
		require.NoError(b, x.Apply(uint64(from+1), benchBatch(from, 1000, 1), nil))
		if x.UnflushedBytes() > 64<<20 {
			_, err := x.Flush(context.Background())
			require.NoError(b, err)
		}
	}
	_, err := x.Flush(context.Background())
	require.NoError(b, err)
	require.NoError(b, x.chain.Merge(context.Background()))
	return x
}

func benchBatch(from, n int, version uint64) []dense.Vector {
	rng := rand.New(rand.NewPCG(uint64(from), version))
	vs := make([]dense.Vector, n)
	for i := range vs {
		vs[i] = dense.Vector{
			ID: fmt.Sprintf("document-%08d", from+i), Version: version, Digest: [16]byte{byte(i)},
			Values:     densetest.RandomVector(rng, benchDims),
			Attributes: []api.Value{{Field: "lang", Strings: []string{"ja"}}, {Field: "year", Ints: []int64{2024}}},
		}
	}
	return vs
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkOpen tells how long opening takes and what stays in memory, per vector.
func BenchmarkOpen(b *testing.B) {
	cfg := testConfig(b, benchDims)
	require.NoError(b, fill(b, cfg, benchVectors).Close())
	before := heap()
	var bytes uint64
	for b.Loop() {
		x := openTest(b, cfg)
		b.StopTimer()
		bytes = heap() - before
		require.NoError(b, x.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchVectors, "ns/vector")
	b.ReportMetric(float64(bytes)/benchVectors, "B/vector")
}

func BenchmarkApply(b *testing.B) {
	x := openTest(b, testConfig(b, benchDims))
	batch := benchBatch(0, 256, 1)
	index := uint64(0)
	for b.Loop() {
		index++
		require.NoError(b, x.Apply(index, batch, nil))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/vector")
	require.NoError(b, x.Close())
}

// BenchmarkGet reads random vectors out of files that are in the page cache.
func BenchmarkGet(b *testing.B) {
	x := fill(b, testConfig(b, benchDims), benchVectors)
	rng := rand.New(rand.NewPCG(1, 1))
	ids := make([]string, 256)
	for b.Loop() {
		for i := range ids {
			ids[i] = fmt.Sprintf("document-%08d", rng.IntN(benchVectors))
		}
		vs, err := x.Get(ids)
		require.NoError(b, err)
		require.Len(b, vs, len(ids))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/vector")
	require.NoError(b, x.Close())
}

// BenchmarkFlush writes 10,000 vectors.
func BenchmarkFlush(b *testing.B) {
	x := openTest(b, testConfig(b, benchDims))
	batch := benchBatch(0, 10_000, 1)
	index := uint64(0)
	for b.Loop() {
		b.StopTimer()
		index++
		require.NoError(b, x.Apply(index, batch, nil))
		b.StartTimer()
		_, err := x.Flush(context.Background())
		require.NoError(b, err)
	}
	require.NoError(b, x.Close())
}

// BenchmarkMerge merges everything: a third of the vectors is replaced each time. It tells the longest Get of one
// vector meanwhile too.
func BenchmarkMerge(b *testing.B) {
	x := fill(b, testConfig(b, benchDims), benchVectors)
	index := x.AppliedIndex()
	var worst time.Duration
	for b.Loop() {
		b.StopTimer()
		for from := 0; from < benchVectors/3; from += 1000 {
			index++
			require.NoError(b, x.Apply(index, benchBatch(from, 1000, index), nil))
		}
		_, err := x.Flush(context.Background())
		require.NoError(b, err)
		done := make(chan struct{})
		reader := make(chan time.Duration)
		go func() { reader <- longest(x, done) }()
		b.StartTimer()
		require.NoError(b, x.chain.Merge(context.Background()))
		b.StopTimer()
		close(done)
		worst = max(worst, <-reader)
		b.StartTimer()
	}
	b.ReportMetric(float64(worst.Microseconds()), "us/worst-get")
	require.NoError(b, x.Close())
}

// longest reads until done and gives the longest time it took.
func longest(x *Index, done chan struct{}) (worst time.Duration) {
	rng := rand.New(rand.NewPCG(1, 1))
	for {
		select {
		case <-done:
			return worst
		default:
		}
		begin := time.Now()
		if vs, err := x.Get([]string{fmt.Sprintf("document-%08d", rng.IntN(benchVectors))}); err != nil || len(vs) != 1 {
			panic(fmt.Sprintf("get: %v", err))
		}
		worst = max(worst, time.Since(begin))
	}
}
