package sparse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// formatBatches are the writes of the indexes in testdata, one directory for every format there was.
func formatBatches() []Batch {
	random := rand.New(rand.NewPCG(7, 7))
	zipf := rand.NewZipf(random, 1.1, 4, 400)
	var batches []Batch
	for at := range 4 {
		b := Batch{Index: uint64(at + 1)}
		for i := range 200 {
			doc := api.Document{ID: fmt.Sprintf("d%d", at*150+i), Source: fmt.Appendf(nil, `{"n":%d}`, at*200+i)}
			doc.Values = []api.Value{
				{Field: "body", Strings: []string{zipfText(random, zipf, 12), zipfText(random, zipf, 3)}},
				{Field: "learn", Sparse: []api.SparseEntry{
					{Dim: uint32(i % 5), Weight: float32(i) / 8}, {Dim: uint32(10 + i%3), Weight: 0.25},
				}},
				{Field: "price", Floats: []float64{float64(i) / 4}},
				{Field: "tag", Strings: []string{fmt.Sprint("t", i%7)}},
				{Field: "title", Strings: []string{zipfText(random, zipf, 2)}},
				{Field: "year", Ints: []int64{int64(i % 30)}},
			}
			b.Writes = append(b.Writes, api.Write{Kind: api.OpIndex, Doc: doc})
		}
		for i := range 20 {
			b.Writes = append(b.Writes, api.Write{Kind: api.OpDelete, Doc: api.Document{ID: fmt.Sprintf("d%d", at*150+i*3)}})
		}
		batches = append(batches, b)
	}
	return batches
}

// TestFormats opens an index of every format there was, holds its answers to the truth, and writes to it.
func TestFormats(t *testing.T) {
	schema := testSchema(1.2, 0.75)
	for _, format := range []string{"format1"} {
		t.Run(format, func(t *testing.T) {
			cfg := testConfig(filepath.Join(t.TempDir(), "index"), schema)
			require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS(filepath.Join("testdata", format))))
			x := openTest(t, cfg)
			defer func() { require.NoError(t, x.Close()) }()
			truth := newBrute(x.fields)
			for _, b := range formatBatches() {
				for i := range b.Writes {
					truth.apply(&b.Writes[i])
				}
			}
			compareFormats(t, x, truth)
			more := formatBatches()[0]
			more.Index = x.AppliedIndex() + 1
			for i := range more.Writes {
				truth.apply(&more.Writes[i])
			}
			_, err := x.Apply(more)
			require.NoError(t, err)
			compareFormats(t, x, truth)
			_, err = x.Flush(context.Background())
			require.NoError(t, err)
			compareFormats(t, x, truth)
		})
	}
}

func compareFormats(t *testing.T, x *Index, truth *brute) {
	t.Helper()
	s := x.Snapshot()
	defer s.Release()
	field := func(name string) []api.FieldBoost { return []api.FieldBoost{{Field: name, Boost: 1}} }
	for _, q := range []api.Query{
		&api.Match{Text: "w0 w1 w7", Fields: field("body"), Boost: 1},
		&api.Match{Text: "w3 w20 w33 w2", Boost: 1.5},
		&api.Match{Text: "w0 w2", Fields: field("body"), Operator: api.OperatorAnd, Boost: 1},
		&api.Match{Text: "w150", Fields: field("body"), Boost: 1},
		&api.Phrase{Text: "w0 w1", Fields: field("body"), Boost: 1},
		&api.SparseVector{Field: "learn", Vector: []api.SparseEntry{{Dim: 1, Weight: 0.5}, {Dim: 11, Weight: 2}}, Boost: 1},
		&api.Term{Field: "tag", Value: api.Scalar{Type: api.TypeKeyword, Str: "t3"}, Boost: 1},
		&api.Prefix{Field: "body", Value: "w2", Boost: 1},
	} {
		for _, k := range []int{0, 1, 10, 1000} {
			got, err := s.Search(context.Background(), Request{Query: q, K: k})
			require.NoError(t, err)
			require.Equal(t, truth.search(q, nil, k), got, "%#v", q)
		}
	}
}
