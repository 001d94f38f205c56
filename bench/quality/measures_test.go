package quality

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ranking gives n documents nobody judged, with those given put at their ranks, from 1.
func ranking(n int, at map[int]string) []string {
	documents := make([]string, n)
	for i := range documents {
		documents[i] = fmt.Sprintf("other%d", i)
		if document, ok := at[i+1]; ok {
			documents[i] = document
		}
	}
	return documents
}

func TestEvaluateByHand(t *testing.T) {
	one := Qrels{"q": {"a": 1}}
	for _, c := range []struct {
		name   string
		qrels  Qrels
		run    []string
		ndcg   float64
		mrr    float64
		recall float64
	}{
		{"first", one, []string{"a", "b"}, 1, 1, 1},
		{"third", one, []string{"x", "y", "a"}, 0.5, 1. / 3, 1},
		{"tenth", one, ranking(20, map[int]string{10: "a"}), 1 / math.Log2(11), 0.1, 1},
		{"eleventh", one, ranking(20, map[int]string{11: "a"}), 0, 0, 1},
		{"hundredth", one, ranking(200, map[int]string{100: "a"}), 0, 0, 1},
		{"behind the hundredth", one, ranking(200, map[int]string{101: "a"}), 0, 0, 0},
		{"nothing found", one, nil, 0, 0, 0},
		{"nothing relevant", Qrels{"q": {"a": 0}}, []string{"a"}, 0, 0, 0},
		{
			"grades",
			Qrels{"q": {"a": 3, "b": 1, "c": 0}},
			[]string{"b", "c", "a"},
			(1 + 3./2) / (3 + 1/math.Log2(3)), 1, 1,
		},
		{"half of them", Qrels{"q": {"a": 1, "b": 1}}, []string{"b"}, 1 / (1 + 1/math.Log2(3)), 1, 0.5},
		{"a document twice", Qrels{"q": {"a": 1, "b": 1}}, []string{"a", "a"}, 1 / (1 + 1/math.Log2(3)), 1, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Evaluate(c.qrels, map[string][]string{"q": c.run})
			require.InDelta(t, c.ndcg, got.NDCG10, 1e-12)
			require.InDelta(t, c.mrr, got.MRR10, 1e-12)
			require.InDelta(t, c.recall, got.Recall100, 1e-12)
		})
	}
}

func TestEvaluateQueries(t *testing.T) {
	t.Run("without judgements don't count", func(t *testing.T) {
		got := Evaluate(Qrels{"q": {"a": 1}}, map[string][]string{"q": {"a"}, "unknown": {"b"}})
		require.Equal(t, Scores{NDCG10: 1, MRR10: 1, Recall100: 1, Queries: 1}, got)
	})
	t.Run("without results count as zero", func(t *testing.T) {
		got := Evaluate(Qrels{"q": {"a": 1}, "r": {"a": 1}}, map[string][]string{"q": {"a"}})
		require.Equal(t, Scores{NDCG10: 0.5, MRR10: 0.5, Recall100: 0.5, Queries: 2}, got)
	})
	t.Run("none at all", func(t *testing.T) {
		require.Equal(t, Scores{}, Evaluate(nil, nil))
	})
	t.Run("names of the measures", func(t *testing.T) {
		data, err := json.Marshal(Scores{NDCG10: 0.25, Queries: 3})
		require.NoError(t, err)
		require.JSONEq(t, `{"ndcg@10":0.25,"mrr@10":0,"recall@100":0,"queries":3}`, string(data))
	})
}
