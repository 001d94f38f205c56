package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func testResponse() *SearchResponse {
	source := RawJSON(`{"title":"t","text":"` + strings.Repeat("lorem ipsum ", 100) + `"}`)
	r := &SearchResponse{
		TookMS: 4.1, Cached: true, Total: Total{812, RelationExact, LegSparse},
		Fusion:    Fusion{FusionRRF, 60, 100, Weights{1, 0.5}},
		Degraded:  []Degraded{{LegDense, ReasonMilvusTimeout, "a \"detail\""}, {LegSparse, ReasonDeadline, ""}},
		TimingsMS: Timings{Sparse: 0.3, Dense: 1e-9},
	}
	for range 10 {
		r.Hits = append(r.Hits, SearchHit{
			ID: "p\n1", Score: 0.0325, Source: source,
			Legs: &Legs{Sparse: &LegShare{1, 12.7, 0.0164}, Dense: &LegShare{2, -0.5, 1e22}},
		}, SearchHit{ID: "地震", Legs: &Legs{Dense: &LegShare{1, 0, 0}}}, SearchHit{})
	}
	return r
}

func TestAppendJSONAgreesWithEncodingJSON(t *testing.T) {
	t.Run("a response", func(t *testing.T) {
		want, err := json.Marshal(testResponse())
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(testResponse().AppendJSON(nil)))
	})
	t.Run("an empty response", func(t *testing.T) {
		r := &SearchResponse{Hits: []SearchHit{}, Degraded: []Degraded{}}
		want, err := json.Marshal(r)
		require.NoError(t, err)
		require.Equal(t, string(want), string(r.AppendJSON(nil)))
	})
	t.Run("results and problems", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(rapid.String(), rapid.Just("\xff\u2028\x7f"))
			r := WriteResult{
				ID: text.Draw(t, "id"), Status: StatusError, Version: rapid.Uint64().Draw(t, "version"),
				Error: NewProblem(ProblemQuery, 400, text.Draw(t, "field"), "%s", text.Draw(t, "detail")),
			}
			want, err := json.Marshal(r)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(r.AppendJSON(nil)))
		})
	})
}

func TestSplitArray(t *testing.T) {
	parts, err := SplitArray([]byte(` [ {"a":[1,{"b":"]"}]} , 7,"x" ] `))
	require.NoError(t, err)
	require.Len(t, parts, 3)
	require.JSONEq(t, `{"a":[1,{"b":"]"}]}`, string(parts[0]))
	for _, broken := range []string{``, `{}`, `[1`, `[1,2`, `["x`, `[1] 2`} {
		_, err := SplitArray([]byte(broken))
		var p *Problem
		require.ErrorAs(t, err, &p, broken)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r := testResponse()
	buf := r.AppendJSON(nil)
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = r.AppendJSON(buf[:0])
		}
	})
	b.Run("by encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
