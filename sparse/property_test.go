package sparse

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse/analysis"
)

var words = []string{"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "the", "an"}

func testSchema(k1, b float64) api.Schema {
	return api.Schema{Fields: map[string]api.Field{
		"body":  {Type: api.TypeText, Analyzer: "english", K1: &k1, B: &b},
		"flag":  {Type: api.TypeBool},
		"learn": {Type: api.TypeSparseVector},
		"price": {Type: api.TypeFloat},
		"tag":   {Type: api.TypeKeyword},
		"title": {Type: api.TypeText},
		"when":  {Type: api.TypeDate},
		"year":  {Type: api.TypeInt},
	}}
}

func testConfig(dir string, schema api.Schema) Config {
	cfg := Default()
	cfg.FS, cfg.Dir, cfg.Schema = vfs.OS(), dir, schema
	cfg.Analyzers = analysis.NewRegistry()
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg
}

func drawText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 8).Draw(t, label), " ")
}

func drawWrite(t *rapid.T) api.Write {
	id := fmt.Sprintf("d%d", rapid.IntRange(0, 25).Draw(t, "id"))
	w := api.Write{Kind: rapid.SampledFrom([]api.OpKind{1, 1, 1, 2, 3}).Draw(t, "kind"), Doc: api.Document{ID: id}}
	if rapid.IntRange(0, 9).Draw(t, "conditional") == 0 {
		v := rapid.Uint64Range(0, 8).Draw(t, "if version")
		w.IfVersion = &v
	}
	if w.Kind == api.OpDelete {
		return w
	}
	add := func(v api.Value, n int) {
		if n > 0 {
			w.Doc.Values = append(w.Doc.Values, v)
		}
	}
	texts := func(label string) []string {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawText(t, label) }), 0, 2).Draw(t, label)
	}
	ints := rapid.SliceOfN(rapid.Int64Range(-3, 3), 0, 2)
	body, title := texts("body"), texts("title")
	flag := rapid.SliceOfN(rapid.Int64Range(0, 1), 0, 1).Draw(t, "flag")
	sparse := drawVector(t)
	price := rapid.SliceOfN(rapid.SampledFrom([]float64{-1.5, 0, 0.25, 7}), 0, 2).Draw(t, "price")
	tags := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "ab", "b", "日本", ""}), 0, 3).Draw(t, "tag")
	when, year := ints.Draw(t, "when"), ints.Draw(t, "year")
	add(api.Value{Field: "body", Strings: body}, len(body))
	add(api.Value{Field: "flag", Ints: flag}, len(flag))
	add(api.Value{Field: "learn", Sparse: sparse}, len(sparse))
	add(api.Value{Field: "price", Floats: price}, len(price))
	add(api.Value{Field: "tag", Strings: tags}, len(tags))
	add(api.Value{Field: "title", Strings: title}, len(title))
	add(api.Value{Field: "when", Ints: when}, len(when))
	add(api.Value{Field: "year", Ints: year}, len(year))
	w.Doc.Source = fmt.Appendf(nil, `{"body":%q}`, body)
	if rapid.Bool().Draw(t, "vector") {
		w.Doc.Vector = []float32{1, float32(len(body))}
	}
	return w
}

func drawVector(t *rapid.T) []api.SparseEntry {
	var out []api.SparseEntry
	for dim := range uint32(4) {
		if rapid.Bool().Draw(t, "dim") {
			out = append(out, api.SparseEntry{Dim: dim * 300, Weight: rapid.Float32Range(0.1, 2).Draw(t, "weight")})
		}
	}
	return out
}

func drawQuery(t *rapid.T, depth int) api.Query {
	boost := rapid.SampledFrom([]float64{1, 0.5, 2.25}).Draw(t, "boost")
	kinds := 12
	if depth == 0 {
		kinds = 11
	}
	fields := func() []api.FieldBoost {
		return rapid.SampledFrom([][]api.FieldBoost{
			nil,
			{{Field: "title", Boost: 2}},
			{{Field: "title", Boost: 1.5}, {Field: "body", Boost: 1}},
		}).Draw(t, "fields")
	}
	year := func() *api.Scalar {
		if rapid.Bool().Draw(t, "open") {
			return nil
		}
		return &api.Scalar{Type: api.TypeInt, Int: rapid.Int64Range(-4, 4).Draw(t, "bound")}
	}
	tag := rapid.SampledFrom([]string{"a", "ab", "b", "日本", "", "zz"})
	switch rapid.IntRange(0, kinds).Draw(t, "query") {
	case 0, 1:
		return &api.Match{
			Fields: fields(), Text: drawText(t, "text"), Boost: boost,
			Operator: rapid.SampledFrom([]api.Operator{api.OperatorOr, api.OperatorAnd}).Draw(t, "operator"),
			Minimum:  rapid.IntRange(0, 3).Draw(t, "minimum"),
		}
	case 2:
		return &api.Phrase{Fields: fields(), Text: drawText(t, "phrase"), Boost: boost}
	case 3:
		return &api.Term{Field: "title", Value: api.Scalar{Str: rapid.SampledFrom(words).Draw(t, "term")}, Boost: boost}
	case 4:
		return &api.Term{Field: "tag", Value: api.Scalar{Str: tag.Draw(t, "tag")}, Boost: boost}
	case 5:
		return &api.Terms{Field: "price", Values: []api.Scalar{{Float: 0.25}, {Float: -1.5}}, Boost: boost}
	case 6:
		return &api.Range{Field: "year", GT: year(), GTE: year(), LT: year(), LTE: year(), Boost: boost}
	case 7:
		return &api.Exists{Field: rapid.SampledFrom([]string{"body", "tag", "learn", "when"}).Draw(t, "field"), Boost: boost}
	case 8:
		return &api.Prefix{
			Field: rapid.SampledFrom([]string{"tag", "title"}).Draw(t, "field"),
			Value: rapid.SampledFrom([]string{"a", "", "日", "d", "do"}).Draw(t, "prefix"), Boost: boost,
		}
	case 9:
		return &api.IDs{Values: []string{"d1", "d3", "d99"}, Boost: boost}
	case 10:
		return &api.SparseVector{Field: "learn", Vector: drawVector(t), Boost: boost}
	case 11:
		low, high := api.Scalar{Str: tag.Draw(t, "low")}, api.Scalar{Str: tag.Draw(t, "high")}
		return &api.Range{Field: "tag", GTE: &low, LT: &high, Boost: boost}
	}
	clause := rapid.Custom(func(t *rapid.T) api.Query { return drawQuery(t, depth-1) })
	sub := func(label string, most int) []api.Query {
		return rapid.SliceOfN(clause, 0, most).Draw(t, label)
	}
	q := &api.Bool{
		Must: sub("must", 2), Should: sub("should", 3), MustNot: sub("must not", 1),
		Filter: sub("filter", 1), Boost: boost,
	}
	if rapid.Bool().Draw(t, "minimum should set") {
		n := rapid.IntRange(0, 2).Draw(t, "minimum should")
		q.MinimumShould = &n
	}
	return q
}

// TestEngineEqualsBruteForce applies random batches with flushes, merges and restarts between, and holds
// every answer equal to the brute-force scorer's, scores to the bit.
func TestEngineEqualsBruteForce(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		schema := testSchema(rapid.SampledFrom([]float64{0, 0.9, 1.2}).Draw(t, "k1"),
			rapid.SampledFrom([]float64{0, 0.4, 1}).Draw(t, "b"))
		cfg := testConfig(fmt.Sprintf("%s/%d", root, run), schema)
		cfg.FS = unsyncedFS{vfs.OS()}
		cfg.FlushBytes = rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(t, "flush bytes")
		x, err := Open(cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, x.Close()) }()
		truth := newBrute(x.fields)
		for step := range rapid.IntRange(1, 8).Draw(t, "steps") {
			batch := Batch{Index: uint64(step + 1)}
			batch.Writes = rapid.SliceOfN(rapid.Custom(drawWrite), 0, 8).Draw(t, "batch")
			got, err := x.Apply(batch)
			require.NoError(t, err)
			for i := range batch.Writes {
				require.Equal(t, truth.apply(&batch.Writes[i]), got[i])
			}
			switch rapid.IntRange(0, 3).Draw(t, "then") {
			case 0:
				_, err := x.Flush(context.Background())
				require.NoError(t, err)
			case 1:
				hash := x.Hash()
				_, err := x.Flush(context.Background())
				require.NoError(t, err)
				require.NoError(t, x.Close())
				x, err = Open(cfg)
				require.NoError(t, err)
				require.Equal(t, hash, x.Hash())
			}
			compareAll(t, x, truth)
		}
	})
}

// spoiledFrame is one that another query left behind.
func spoiledFrame() *frame {
	f := &frame{scores: slices.Repeat([]float64{math.NaN()}, windowDocs)}
	f.match.fill(windowDocs)
	return f
}

func compareAll(t *rapid.T, x *Index, truth *brute) {
	s := x.Snapshot()
	defer s.Release()
	require.Equal(t, len(truth.docs), s.Len())
	for range 3 {
		q := drawQuery(t, 2)
		var filter api.Query
		if rapid.Bool().Draw(t, "filtered") {
			filter = drawQuery(t, 1)
		}
		k := rapid.IntRange(0, 30).Draw(t, "k")
		for range 3 {
			x.frames.scored.Put(spoiledFrame())
		}
		want := truth.search(q, filter, k)
		got, err := s.Search(context.Background(), Request{Query: q, Filter: filter, K: k})
		require.NoError(t, err)
		require.Equal(t, want.Total, got.Total)
		require.Len(t, got.Hits, len(want.Hits))
		for i := range want.Hits {
			require.Equal(t, want.Hits[i], got.Hits[i])
		}
		n, err := s.Count(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, truth.search(q, nil, 0).Total, n)
	}
	for id, d := range truth.docs {
		stored, ok, err := s.Get(id)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, Stored{ID: id, Version: d.version, Source: d.doc.Source, Vector: d.doc.Vector}, stored)
	}
}
