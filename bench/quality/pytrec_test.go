package quality

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// trecScores are pytrec_eval's measures of one query.
type trecScores struct {
	NDCG10    float64 `json:"ndcg_cut_10"`
	RR10      float64 `json:"recip_rank"`
	Recall100 float64 `json:"recall_100"`
}

// pytrec scores a run with the real pytrec_eval, in one process for all queries.
func pytrec(t *testing.T, qrels Qrels, run map[string][]string) map[string]trecScores {
	t.Helper()
	input, err := json.Marshal(map[string]any{"qrels": qrels, "run": run})
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), filepath.Join("..", "..", "deploy", "scripts", "pytrec.sh"), "score")
	command.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	require.NoError(t, err, stderr.String())
	var scores map[string]trecScores
	require.NoError(t, json.Unmarshal(output, &scores))
	return scores
}

// randomRun draws judgements and rankings of every shape: few and many judgements, graded, none
// relevant, negative; short, long and irrelevant rankings.
func randomRun(r *rand.Rand, queries int) (Qrels, map[string][]string) {
	qrels, run := make(Qrels), make(map[string][]string)
	for q := range queries {
		query := fmt.Sprintf("q%d", q)
		documents := 1 + r.IntN(400)
		judged := make(map[string]int)
		highest := r.IntN(4)
		for range 1 + r.IntN(60) {
			judged[fmt.Sprintf("d%d", r.IntN(documents))] = r.IntN(highest+3) - 1
		}
		qrels[query] = judged
		for _, d := range r.Perm(documents)[:1+r.IntN(documents)] {
			run[query] = append(run[query], fmt.Sprintf("d%d", d))
		}
	}
	return qrels, run
}

func TestAgainstPytrecEval(t *testing.T) {
	const tolerance = 1e-4
	qrels, run := randomRun(rand.New(rand.NewPCG(1, 2)), 400)
	want := pytrec(t, qrels, run)
	require.Len(t, want, len(qrels))

	t.Run("each query", func(t *testing.T) {
		for query := range qrels {
			got := Evaluate(Qrels{query: qrels[query]}, run)
			require.InDelta(t, want[query].NDCG10, got.NDCG10, tolerance, query)
			require.InDelta(t, want[query].RR10, got.MRR10, tolerance, query)
			require.InDelta(t, want[query].Recall100, got.Recall100, tolerance, query)
		}
	})
	t.Run("means", func(t *testing.T) {
		var sum trecScores
		for _, scores := range want {
			sum.NDCG10 += scores.NDCG10
			sum.RR10 += scores.RR10
			sum.Recall100 += scores.Recall100
		}
		n := float64(len(want))
		got := Evaluate(qrels, run)
		require.Equal(t, len(want), got.Queries)
		require.InDelta(t, sum.NDCG10/n, got.NDCG10, tolerance)
		require.InDelta(t, sum.RR10/n, got.MRR10, tolerance)
		require.InDelta(t, sum.Recall100/n, got.Recall100, tolerance)
	})
}
