package sparse

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/sparse/analysis"
)

func testVocabulary(t testing.TB, schema api.Schema) *Vocabulary {
	t.Helper()
	v, err := NewVocabulary(schema, analysis.NewRegistry())
	require.NoError(t, err)
	return v
}

func TestStatistics(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	apply(t, x, 1, put("a", "ant bee"), put("b", "ant ant"), put("c", "cat"))
	flush(t, x)
	apply(t, x, 2, put("a", "bee"), put("d", "dog"))
	keys := []TermKey{{"body", "ant"}, {"title", "ant"}, {"title", "bee"}, {"title", "none"}}
	read := func(t *testing.T) Statistics {
		s := x.Snapshot()
		defer s.Release()
		stats, err := s.Statistics(keys)
		require.NoError(t, err)
		return stats
	}
	want := Statistics{
		Fields: map[string]FieldStatistics{"body": {}, "title": {Docs: 4, Tokens: 5}},
		Terms:  map[TermKey]uint64{keys[0]: 0, keys[1]: 1, keys[2]: 1, keys[3]: 0}, Version: 5,
	}
	t.Run("are of live documents", func(t *testing.T) {
		require.Equal(t, want, read(t))
		flush(t, x)
		require.Equal(t, want, read(t))
	})
	t.Run("add up", func(t *testing.T) {
		var sum Statistics
		sum.Add(want)
		require.Equal(t, Statistics{Fields: want.Fields, Terms: want.Terms}, sum)
		sum.Version = 7
		sum.Add(Statistics{
			Fields: map[string]FieldStatistics{"title": {Docs: 2, Tokens: 9}},
			Terms:  map[TermKey]uint64{keys[1]: 2, {"title", "eel"}: 1},
		})
		require.Equal(t, Statistics{
			Fields: map[string]FieldStatistics{"body": {}, "title": {Docs: 6, Tokens: 14}},
			Terms:  map[TermKey]uint64{keys[0]: 0, keys[1]: 3, keys[2]: 1, keys[3]: 0, {"title", "eel"}: 1},
		}, sum)
		require.Equal(t, FieldStatistics{Docs: 4, Tokens: 5}, want.Fields["title"])
	})
	t.Run("are of the snapshot's version", func(t *testing.T) {
		before := x.Snapshot()
		defer before.Release()
		version := func(s *Snapshot) uint64 {
			stats, err := s.Statistics(nil)
			require.NoError(t, err)
			return stats.Version
		}
		require.Equal(t, x.LastVersion(), version(before))
		remove := func(id string) api.Write { return api.Write{Kind: api.OpDelete, Doc: api.Document{ID: id}} }
		apply(t, x, 3, remove("none"))
		require.Equal(t, version(before), read(t).Version)
		apply(t, x, 4, remove("a"))
		require.Equal(t, uint64(6), read(t).Version)
		flush(t, x)
		require.Equal(t, uint64(6), read(t).Version)
		require.Equal(t, uint64(5), version(before))
	})
	t.Run("are of the same version after a restart", func(t *testing.T) {
		cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
		x := openTest(t, cfg)
		apply(t, x, 1, put("a", "ant bee"), put("b", "ant ant"), put("a", "cat"))
		flush(t, x)
		require.NoError(t, x.Close())
		x = openTest(t, cfg)
		s := x.Snapshot()
		stats, err := s.Statistics(nil)
		s.Release()
		require.NoError(t, err)
		require.Equal(t, uint64(3), stats.Version)
		require.NoError(t, x.Close())
	})
	t.Run("refuse fields that are not text", func(t *testing.T) {
		s := x.Snapshot()
		defer s.Release()
		for _, field := range []string{"tag", "learn", "missing"} {
			_, err := s.Statistics([]TermKey{{field, "ant"}})
			require.ErrorIs(t, err, ErrQuery)
			require.ErrorContains(t, err, field)
		}
	})
}

func TestSearchWithStatistics(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	apply(t, x, 1, put("a", "ant bee"), put("b", "ant ant"), put("c", "cat"))
	s := x.Snapshot()
	defer s.Release()
	ant := TermKey{"title", "ant"}
	search := func(t *testing.T, stats *Statistics) TopDocs {
		top, err := s.Search(context.Background(), Request{
			Query: &api.Match{Text: "ant cat", Boost: 1}, K: 10, Stats: stats,
		})
		require.NoError(t, err)
		require.Len(t, top.Hits, 3)
		for _, h := range top.Hits {
			require.False(t, math.IsNaN(h.Score) || math.IsInf(h.Score, 0))
			require.GreaterOrEqual(t, h.Score, 0.0)
		}
		return top
	}
	own := search(t, nil)
	t.Run("the snapshot's own change nothing", func(t *testing.T) {
		stats, err := s.Statistics([]TermKey{ant, {"title", "cat"}})
		require.NoError(t, err)
		require.Equal(t, own, search(t, &stats))
	})
	t.Run("older ones count as the snapshot does", func(t *testing.T) {
		require.Equal(t, own, search(t, &Statistics{}))
		require.Equal(t, own, search(t, &Statistics{
			Fields: map[string]FieldStatistics{"title": {Docs: 1, Tokens: 1}},
			Terms:  map[TermKey]uint64{ant: 1},
		}))
	})
	t.Run("larger ones change scores", func(t *testing.T) {
		stats := &Statistics{
			Fields: map[string]FieldStatistics{"title": {Docs: 100, Tokens: 1000}},
			Terms:  map[TermKey]uint64{ant: 90},
		}
		top := search(t, stats)
		require.Equal(t, "c", top.Hits[0].ID)
		require.InEpsilon(t, math.Log(1+99.5/1.5)/(1+1.2*(0.25+0.75*1/10)), top.Hits[0].Score, 1e-12)
	})
	t.Run("absurd ones leave scores finite", func(t *testing.T) {
		search(t, &Statistics{
			Fields: map[string]FieldStatistics{"title": {Docs: math.MaxUint64, Tokens: 1}},
			Terms:  map[TermKey]uint64{ant: math.MaxUint64},
		})
		search(t, &Statistics{Terms: map[TermKey]uint64{ant: math.MaxUint64}})
	})
}

func TestVocabulary(t *testing.T) {
	v := testVocabulary(t, testSchema(1.2, 0.75))
	title := []api.FieldBoost{{Field: "title", Boost: 1}}
	for name, test := range map[string]struct {
		query api.Query
		want  []TermKey
	}{
		"nil":       {nil, nil},
		"match all": {&api.MatchAll{}, nil},
		"match in every field": {
			&api.Match{Text: "Ants ant"},
			[]TermKey{{"body", "ant"}, {"title", "ant"}, {"title", "ants"}},
		},
		"phrase":          {&api.Phrase{Fields: title, Text: "the cat the"}, []TermKey{{"title", "cat"}, {"title", "the"}}},
		"term of a text":  {&api.Term{Field: "title", Value: api.Scalar{Str: "Ant"}}, []TermKey{{"title", "Ant"}}},
		"term of keyword": {&api.Term{Field: "tag", Value: api.Scalar{Str: "a"}}, nil},
		"constant scores": {&api.Terms{Field: "title", Values: []api.Scalar{{Str: "ant"}}}, nil},
		"bool": {
			&api.Bool{
				Must:    []api.Query{&api.Match{Fields: title, Text: "must both"}},
				Should:  []api.Query{&api.Bool{Should: []api.Query{&api.Phrase{Fields: title, Text: "both should"}}}},
				MustNot: []api.Query{&api.Match{Fields: title, Text: "not"}},
				Filter:  []api.Query{&api.Bool{Must: []api.Query{&api.Match{Fields: title, Text: "filter"}}}},
			},
			[]TermKey{{"title", "both"}, {"title", "must"}, {"title", "should"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Terms(test.query)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	t.Run("unknown analyzer", func(t *testing.T) {
		schema := api.Schema{Fields: map[string]api.Field{"title": {Type: api.TypeText, Analyzer: "none"}}}
		_, err := NewVocabulary(schema, analysis.NewRegistry())
		require.ErrorContains(t, err, "title")
	})
}
