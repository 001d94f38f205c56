package sparse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// zipfText gives words as frequent as words of a language are.
func zipfText(random *rand.Rand, zipf *rand.Zipf, words int) string {
	var b strings.Builder
	for range words + random.IntN(words) {
		fmt.Fprintf(&b, "w%d ", zipf.Uint64())
	}
	return b.String()
}

func benchIndex(b *testing.B, docs int) (*Index, func() string) {
	b.Helper()
	x, err := Open(testConfig(b.TempDir(), testSchema(1.2, 0.75)))
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 4, 50_000)
	for at := 0; at < docs; at += 500 {
		batch := Batch{Index: uint64(at + 1)}
		for i := range 500 {
			batch.Writes = append(batch.Writes, put(fmt.Sprintf("d%d", at+i), zipfText(random, zipf, 80)))
		}
		_, err := x.Apply(batch)
		require.NoError(b, err)
	}
	_, err = x.Flush(context.Background())
	require.NoError(b, err)
	return x, func() string { return zipfText(random, zipf, 3) }
}

// BenchmarkSearch answers queries of 3 to 5 words over 20,000 documents of 120 words, top 10 with exact count.
func BenchmarkSearch(b *testing.B) {
	x, query := benchIndex(b, 20_000)
	defer func() { require.NoError(b, x.Close()) }()
	queries := make([]string, 256)
	for i := range queries {
		queries[i] = query()
	}
	for _, operator := range []api.Operator{api.OperatorOr, api.OperatorAnd} {
		b.Run(string(operator), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s := x.Snapshot()
				_, err := s.Search(context.Background(), Request{
					K:     10,
					Query: &api.Match{Text: queries[i%len(queries)], Operator: operator, Boost: 1},
				})
				require.NoError(b, err)
				s.Release()
			}
		})
	}
}

// BenchmarkApply indexes documents of 120 words in batches of 100.
func BenchmarkApply(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 4, 50_000)
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = zipfText(random, zipf, 80)
	}
	x, err := Open(testConfig(b.TempDir(), testSchema(1.2, 0.75)))
	require.NoError(b, err)
	defer func() { require.NoError(b, x.Close()) }()
	for i := 0; b.Loop(); i++ {
		batch := Batch{Index: uint64(i + 1)}
		for j := range 100 {
			batch.Writes = append(batch.Writes, put(fmt.Sprintf("d%d", i*100+j), texts[(i*100+j)%len(texts)]))
		}
		_, err := x.Apply(batch)
		require.NoError(b, err)
	}
	b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkStatistics gives the statistics of queries of 5 words over 20,000 documents, and the terms themselves.
func BenchmarkStatistics(b *testing.B) {
	x, query := benchIndex(b, 20_000)
	defer func() { require.NoError(b, x.Close()) }()
	vocabulary := testVocabulary(b, testSchema(1.2, 0.75))
	queries := make([]api.Query, 256)
	terms := make([][]TermKey, len(queries))
	for i := range queries {
		text := strings.Join(strings.Fields(query() + query())[:5], " ")
		queries[i] = &api.Match{Fields: []api.FieldBoost{{Field: "title", Boost: 1}}, Text: text, Boost: 1}
		var err error
		terms[i], err = vocabulary.Terms(queries[i])
		require.NoError(b, err)
	}
	b.Run("terms", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := vocabulary.Terms(queries[i%len(queries)])
			require.NoError(b, err)
		}
	})
	read := func(b *testing.B) {
		s := x.Snapshot()
		defer s.Release()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, err := s.Statistics(terms[i%len(terms)])
			require.NoError(b, err)
		}
		b.ReportMetric(float64(len(s.gen.views)), "segments")
	}
	b.Run("written", read)
	batch := Batch{Index: x.AppliedIndex() + 1}
	for i := range 500 {
		batch.Writes = append(batch.Writes, put(fmt.Sprintf("d%d", i), query()))
	}
	_, err := x.Apply(batch)
	require.NoError(b, err)
	b.Run("in memory and with deletes", read)
}

// BenchmarkCheckpoint makes checkpoints of 20,000 documents, syncs included.
func BenchmarkCheckpoint(b *testing.B) {
	x, _ := benchIndex(b, 20_000)
	defer func() { require.NoError(b, x.Close()) }()
	root := b.TempDir()
	for i := 0; b.Loop(); i++ {
		_, err := x.Checkpoint(context.Background(), fmt.Sprintf("%s/%d", root, i))
		require.NoError(b, err)
	}
}
