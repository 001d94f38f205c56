package fusion

// DefaultK is the constant of reciprocal rank fusion proposed by its authors.
const DefaultK = 60

// RRF fuses by reciprocal rank: the score of a hit is the sum over the legs that have it of
// weight / (k + rank), ranks from 1 (Cormack, Clarke, Buettcher: "Reciprocal Rank Fusion outperforms
// Condorcet and individual Rank Learning Methods", SIGIR 2009). Only the first window distinct hits of
// each leg count; window <= 0 means all.
//
// The result is sorted by score descending, equal scores by id ascending in bytes; it depends neither
// on the order of the legs nor on their raw scores. It fails with ErrBadParameter.
func RRF(legs []Leg, k float64, window int) ([]Hit, error) {
	if err := checkParameter("k", k); err != nil {
		return nil, err
	}
	if err := checkWeights(legs); err != nil {
		return nil, err
	}
	hits, err := merge(legs, window)
	if err != nil {
		return nil, err
	}
	for i := range hits {
		for j := range hits[i].Shares {
			share := &hits[i].Shares[j]
			if share.Rank != 0 {
				share.Share = legs[j].Weight / (k + float64(share.Rank))
			}
		}
	}
	return finish(legs, hits), nil
}
