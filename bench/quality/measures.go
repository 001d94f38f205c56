package quality

import (
	"math"
	"slices"
)

// Depths at which the measures cut a ranking.
const (
	ndcgDepth   = 10
	mrrDepth    = 10
	recallDepth = 100
)

// Scores are means over queries, each in 0 to 1.
type Scores struct {
	// NDCG10 is trec_eval's ndcg_cut_10 (Järvelin and Kekäläinen, 2002, with gain = grade): the sum of
	// grade/log2(rank+1) over the first 10, divided by that of the best possible ranking.
	NDCG10 float64 `json:"ndcg@10"`
	// MRR10 is 1/rank of the first relevant document if that is among the first 10, else 0: trec_eval's
	// recip_rank of a run cut at 10.
	MRR10 float64 `json:"mrr@10"`
	// Recall100 is trec_eval's recall_100: the part of the relevant documents among the first 100.
	Recall100 float64 `json:"recall@100"`
	// Queries is the number of queries that have judgements, over which the means go.
	Queries int `json:"queries"`
}

// Evaluate scores a run: query id to document ids, best first. Every query with judgements counts: one
// the run lacks, or whose judgements are all 0, scores 0, as with trec_eval -c. Queries of the run
// without judgements don't count. The order given is authoritative; of a document that is given twice
// the later place counts as not relevant.
func Evaluate(qrels Qrels, run map[string][]string) Scores {
	var sum Scores
	// In a fixed order, because floating-point sums depend on it.
	for _, query := range sortedKeys(qrels) {
		judged := qrels[query]
		grades := gradesOf(judged, run[query])
		sum.NDCG10 += ndcg(grades, judged)
		sum.MRR10 += reciprocalRank(grades)
		sum.Recall100 += recall(grades, judged)
		sum.Queries++
	}
	if sum.Queries == 0 {
		return sum
	}
	n := float64(sum.Queries)
	return Scores{NDCG10: sum.NDCG10 / n, MRR10: sum.MRR10 / n, Recall100: sum.Recall100 / n, Queries: sum.Queries}
}

func sortedKeys(qrels Qrels) []string {
	keys := make([]string, 0, len(qrels))
	for key := range qrels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// gradesOf gives the grade at each rank, down to the deepest any measure looks.
func gradesOf(judged map[string]int, ranking []string) []int {
	ranking = ranking[:min(len(ranking), recallDepth)]
	grades := make([]int, len(ranking))
	for i, document := range ranking {
		if !slices.Contains(ranking[:i], document) {
			grades[i] = judged[document]
		}
	}
	return grades
}

func ndcg(grades []int, judged map[string]int) float64 {
	ideal := make([]int, 0, len(judged))
	for _, grade := range judged {
		ideal = append(ideal, grade)
	}
	slices.SortFunc(ideal, func(a, b int) int { return b - a })
	best := dcg(ideal)
	if best == 0 {
		return 0
	}
	return dcg(grades) / best
}

func dcg(grades []int) float64 {
	sum := 0.0
	for i, grade := range grades[:min(len(grades), ndcgDepth)] {
		if grade > 0 {
			sum += float64(grade) / math.Log2(float64(i+2))
		}
	}
	return sum
}

func reciprocalRank(grades []int) float64 {
	for i, grade := range grades[:min(len(grades), mrrDepth)] {
		if grade > 0 {
			return 1 / float64(i+1)
		}
	}
	return 0
}

func recall(grades []int, judged map[string]int) float64 {
	relevant, found := 0, 0
	for _, grade := range judged {
		if grade > 0 {
			relevant++
		}
	}
	if relevant == 0 {
		return 0
	}
	for _, grade := range grades {
		if grade > 0 {
			found++
		}
	}
	return float64(found) / float64(relevant)
}
