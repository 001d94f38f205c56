package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSearchRequest(t *testing.T) {
	t.Run("every field", func(t *testing.T) {
		r, err := ParseSearchRequest(testSchema(), []byte(`{"query":"地震 early","mode":"hybrid","from":5,"size":20,
			"filter":{"term":{"lang":"ja"}},"fields":["title^2","text"],"sparse_vector":{"12":0.5},
			"fusion":{"method":"rrf","k":10,"window":50,"weights":{"sparse":0.5}},
			"explain":true,"timeout":"500ms","allow_partial":false,"cache":false}`))
		require.NoError(t, err)
		match := &Match{Fields: []FieldBoost{{"title", 2}, {"text", 1}}, Text: "地震 early", Operator: OperatorOr, Boost: 1}
		require.Equal(t, &SearchRequest{
			Query: &Bool{Should: []Query{match, &SparseVector{"s", []SparseEntry{{12, 0.5}}, 1}}, Boost: 1},
			Text:  "地震 early", Mode: ModeHybrid, From: 5, Size: 20,
			Filter:  &Term{"lang", Scalar{Type: TypeKeyword, Str: "ja"}, 1},
			Count:   DefaultCount,
			Fusion:  Fusion{FusionRRF, 10, 50, Weights{0.5, 1}},
			Explain: true, Timeout: 500 * time.Millisecond, NoCache: true, Asked: "地震 early",
		}, r)
	})
	t.Run("defaults", func(t *testing.T) {
		r, err := ParseSearchRequest(testSchema(), []byte(`{"query":"x"}`))
		require.NoError(t, err)
		require.Equal(t, ModeHybrid, r.Mode)
		require.Equal(t, DefaultSize, r.Size)
		require.Equal(t, 2*time.Second, r.Timeout)
		require.True(t, r.AllowPartial)
		require.False(t, r.NoCache)
		require.Equal(t, Fusion{FusionRRF, 60, 0, Weights{1, 1}}, r.Fusion)
	})
	for data, count := range map[string]int{
		`{"query":"x"}`:                                             DefaultCount,
		`{"query":"x","track_total_hits":true}`:                     0,
		`{"query":"x","track_total_hits":false}`:                    -1,
		`{"query":"x","track_total_hits":7}`:                        7,
		`{"query":"x","size":0}`:                                    0,
		`{"query":"x","size":0,"track_total_hits":7}`:               7,
		`{"query":"x","track_total_hits":10000,"size":0}`:           10_000,
		`{"track_total_hits":true,"query":{"match":{"title":"x"}}}`: 0,
	} {
		t.Run("count of "+data, func(t *testing.T) {
			r, err := ParseSearchRequest(testSchema(), []byte(data))
			require.NoError(t, err)
			require.Equal(t, count, r.Count)
		})
	}
	modes := map[string]Mode{
		`{"vector":[1,2,3]}`:                                          ModeDense,
		`{"sparse_vector":{"1":1}}`:                                   ModeSparse,
		`{"sparse_vector":{"field":"s","vector":{"1":1}}}`:            ModeSparse,
		`{"sparse_vector":{"1":1},"vector":[1,2,3]}`:                  ModeHybrid,
		`{"query":{"match":{"title":"x"}}}`:                           ModeHybrid,
		`{"query":{"match_all":{}},"vector":[1,2,3],"size":0}`:        ModeHybrid,
		`{"query":{"match_all":{}},"mode":"sparse","filter":null}`:    ModeSparse,
		`{"query":"x","mode":"dense"}`:                                ModeDense,
		`{"query":{"exists":{"field":"s"}},"mode":"sparse","size":9}`: ModeSparse,
	}
	for data, mode := range modes {
		t.Run("mode of "+data, func(t *testing.T) {
			r, err := ParseSearchRequest(testSchema(), []byte(data))
			require.NoError(t, err)
			require.Equal(t, mode, r.Mode)
		})
	}
	t.Run("an index without a dense leg is searched sparse", func(t *testing.T) {
		schema := testSchema()
		schema.Dense = nil
		r, err := ParseSearchRequest(schema, []byte(`{"query":"x"}`))
		require.NoError(t, err)
		require.Equal(t, ModeSparse, r.Mode)
		_, err = ParseSearchRequest(schema, []byte(`{"query":"x","mode":"dense"}`))
		requireProblem(t, err, "mode", "no dense leg")
	})
}

func TestParseSearchRequestRefuses(t *testing.T) {
	for _, c := range []struct{ name, data, field, detail string }{
		{"nothing", ``, "", "malformed JSON"},
		{"no query", `{}`, "query", "missing"},
		{"an unknown key", `{"query":"x","k":3}`, "k", "no part of a search"},
		{"a size of a million", `{"query":"x","size":1000000}`, "size", "10000 at most"},
		{"a window beyond the limit", `{"query":"x","size":10,"from":9995}`, "size", "10005"},
		{"a negative size", `{"query":"x","size":-1}`, "size", "negative"},
		{"a negative from", `{"query":"x","from":-1}`, "from", "negative"},
		{"a fraction as size", `{"query":"x","size":1.5}`, "size", "whole number"},
		{"an unknown mode", `{"query":"x","mode":"best"}`, "mode", "hybrid, sparse or dense"},
		{"a wrong vector", `{"vector":[1]}`, "vector", "has 1 dimensions, the index has 3"},
		{"a deep fault", `{"query":{"bool":{"must":[{"term":{"year":"x"}}]}}}`, "query.bool.must[0].term.year", "string"},
		{"a fault in the filter", `{"query":"x","filter":{"term":{"year":1.5}}}`, "filter.term.year", "whole"},
		{"an object without text", `{"query":{"match_all":{}}}`, "query", "no text for the dense leg"},
		{"fields of an object", `{"query":{"match_all":{}},"fields":["title"]}`, "fields", "text"},
		{"an unknown field", `{"query":"x","fields":["nope"]}`, "fields[0]", "nope"},
		{"a bad timeout", `{"query":"x","timeout":"soon"}`, "timeout", "duration"},
		{"a long timeout", `{"query":"x","timeout":"2h"}`, "timeout", "at most"},
		{"a total up to 0", `{"query":"x","track_total_hits":0}`, "track_total_hits", "between 1 and"},
		{"a negative total", `{"query":"x","track_total_hits":-1}`, "track_total_hits", "between 1 and"},
		{"a total of a text", `{"query":"x","track_total_hits":"all"}`, "track_total_hits", "true, false"},
		{"a bad method", `{"query":"x","fusion":{"method":"sum"}}`, "fusion.method", "rrf"},
		{"k of 0", `{"query":"x","fusion":{"k":0}}`, "fusion.k", "more than 0"},
		{"a window of 0", `{"query":"x","fusion":{"window":0}}`, "fusion.window", "1 to"},
		{"a window below the page", `{"query":"x","fusion":{"window":5}}`, "fusion.window", "at least"},
		{"an unknown leg", `{"query":"x","fusion":{"weights":{"images":1}}}`, "fusion.weights.images", "no leg"},
		{"10,000 ids", `{"query":{"ids":{"values":7}}}`, "query.ids.values", "array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSearchRequest(testSchema(), []byte(c.data))
			requireProblem(t, err, c.field, c.detail)
		})
	}
}

func TestParseCountRequest(t *testing.T) {
	for _, empty := range []string{"", " ", "{}"} {
		q, err := ParseCountRequest(testSchema(), []byte(empty))
		require.NoError(t, err)
		require.Nil(t, q)
	}
	q, err := ParseCountRequest(testSchema(), []byte(`{"query":"x","filter":{"exists":{"field":"s"}}}`))
	require.NoError(t, err)
	require.Len(t, q.(*Bool).Filter, 2)
	_, err = ParseCountRequest(testSchema(), []byte(`{"size":3}`))
	requireProblem(t, err, "size", "count")
}

func TestSchema(t *testing.T) {
	t.Run("round trip", func(t *testing.T) {
		data, err := json.Marshal(testSchema())
		require.NoError(t, err)
		schema, err := ParseSchema(data)
		require.NoError(t, err)
		require.Equal(t, *testSchema(), schema)
	})
	for _, c := range []struct{ name, data, field, detail string }{
		{"nothing", ``, "", "malformed JSON"},
		{"no fields", `{}`, "fields", "missing"},
		{"no type", `{"fields":{"a":{}}}`, "fields.a.type", "missing"},
		{"an unknown type", `{"fields":{"a":{"type":"blob"}}}`, "fields.a.type", "blob"},
		{"an unknown analyzer", `{"fields":{"a":{"type":"text","analyzer":"klingon"}}}`, "fields.a.analyzer", "klingon"},
		{"an analyzer on a keyword", `{"fields":{"a":{"type":"keyword","analyzer":"english"}}}`, "fields.a", "text"},
		{"a reserved name", `{"fields":{"id":{"type":"text"}}}`, "fields.id", "reserved"},
		{"an underscore", `{"fields":{"_a":{"type":"text"}}}`, "fields._a", "reserved"},
		{"b of 2", `{"fields":{"a":{"type":"text","b":2}}}`, "fields.a.b", "0 to 1"},
		{"no dimensions", `{"fields":{"a":{"type":"text"}},"dense":{}}`, "dense.dims", "1 to"},
		{"too many dimensions", `{"fields":{},"dense":{"dims":99999}}`, "dense.dims", "1 to"},
		{
			"a dense keyword", `{"fields":{"a":{"type":"keyword"}},"dense":{"dims":3,"fields":["a"]}}`,
			"dense.fields", "not text",
		},
		{"an unknown dense field", `{"fields":{},"dense":{"dims":3,"fields":["a"]}}`, "dense.fields", `"a"`},
		{"an unknown key", `{"fields":{},"shards":3}`, "shards", "no part"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSchema([]byte(c.data))
			requireProblem(t, err, c.field, c.detail)
		})
	}
}
