package sparse

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

var update = flag.Bool("update", false, "write the fixture of the present format anew, before it is in a release")

// format is an index in testdata, one for every format of a release.
type format struct {
	name string
	// docs is the number of documents of each of the batches, of which all but the last are in the first segment.
	docs, batches int
}

func formats() []format {
	// The first segment of format 3 has enough documents for lists of every form.
	return []format{{"format1", 200, 4}, {"format3", 1600, 5}}
}

// writes are what was written to the index.
func (f format) writes() []Batch {
	random := rand.New(rand.NewPCG(7, 7))
	zipf := rand.NewZipf(random, 1.1, 4, 400)
	var batches []Batch
	for at := range f.batches {
		b := Batch{Index: uint64(at + 1)}
		for i := range f.docs {
			doc := api.Document{ID: fmt.Sprintf("d%d", at*f.docs*3/4+i), Source: fmt.Appendf(nil, `{"n":%d}`, at*f.docs+i)}
			if i >= 200 { // so that the fixture is small
				doc.Values = []api.Value{{Field: "body", Strings: []string{zipfText(random, zipf, 1)}}}
				b.Writes = append(b.Writes, api.Write{Kind: api.OpIndex, Doc: doc})
				continue
			}
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
			b.Writes = append(b.Writes, api.Write{Kind: api.OpDelete, Doc: api.Document{ID: fmt.Sprintf("d%d", at*f.docs*3/4+i*3)}})
		}
		batches = append(batches, b)
	}
	return batches
}

// TestFormats opens an index of every format of a release, holds its answers to the truth, and writes to it.
func TestFormats(t *testing.T) {
	schema := testSchema(1.2, 0.75)
	all := formats()
	if *update {
		writeFormat(t, all[len(all)-1], schema)
	}
	for _, format := range all {
		t.Run(format.name, func(t *testing.T) {
			cfg := testConfig(filepath.Join(t.TempDir(), "index"), schema)
			require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS(filepath.Join("testdata", format.name))))
			x := openTest(t, cfg)
			defer func() { require.NoError(t, x.Close()) }()
			truth := newBrute(x.fields)
			for _, b := range format.writes() {
				for i := range b.Writes {
					truth.apply(&b.Writes[i])
				}
			}
			compareFormats(t, x, truth)
			more := format.writes()[0]
			more.Index = x.AppliedIndex() + 1
			for i := range more.Writes {
				truth.apply(&more.Writes[i])
			}
			_, err := x.Apply(more)
			require.NoError(t, err)
			compareFormats(t, x, truth)
			flush(t, x)
			compareFormats(t, x, truth)
		})
	}
}

// writeFormat writes an index in two segments, of which the second deletes from the first.
func writeFormat(t *testing.T, f format, schema api.Schema) {
	dir := filepath.Join("testdata", f.name)
	require.NoError(t, os.RemoveAll(dir))
	x := openTest(t, testConfig(dir, schema))
	batches := f.writes()
	for i, b := range batches {
		_, err := x.Apply(b)
		require.NoError(t, err)
		if i >= len(batches)-2 {
			flush(t, x)
		}
	}
	require.NoError(t, x.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, lockName)))
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
		want := truth.search(q, nil, 1000)
		for _, k := range []int{1000, 10, 1, 0} {
			want.Hits = want.Hits[:min(k, len(want.Hits))]
			got, err := s.Search(context.Background(), Request{Query: q, K: k})
			require.NoError(t, err)
			require.Equal(t, want, got, "%#v", q)
		}
	}
}
