package sparse

import (
	"math"

	"sagasu/sparse/segment"
)

// scorer scores a term's occurrences in one field by BM25 (Robertson and Zaragoza 2009), in the
// form without the constant factor k1 + 1:
//
//	boost * idf * tf / (tf + k1 * (1 - b + b * length / average length))
//	idf = ln(1 + (n - df + 0.5) / (df + 0.5))
//
// n counts the documents that hold the field, df those of them that hold the term.
type scorer struct {
	weight float64 // boost * idf
	norm   segment.Norm
}

// idf is the inverse document frequency, positive. Under concurrent writes df may be ahead of n; it is cut
// to it.
func idf(n, df uint64) float64 {
	df = min(df, n)
	return math.Log(1 + (float64(n-df)+0.5)/(float64(df)+0.5))
}

func newScorer(f *field, stats FieldStatistics, weight float64) scorer {
	s := scorer{weight: weight, norm: segment.Norm{Base: f.k1 * (1 - f.b)}}
	if stats.Tokens > 0 {
		s.norm.Slope = f.k1 * f.b * float64(stats.Docs) / float64(stats.Tokens)
	}
	return s
}

// score of a term that occurs freq times in a field of length tokens.
func (s scorer) score(freq, length uint32) float64 { return s.norm.Score(s.weight, freq, length) }
