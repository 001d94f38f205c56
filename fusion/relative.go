package fusion

import "math"

// RelativeScore fuses by scores: each leg's scores over the window are mapped linearly so that its
// worst becomes 0 and its best 1 (all equal, or a single one: 1), and the score of a hit is the sum of
// weight * mapped score over the legs that have it. Only the first window distinct hits of each leg
// count; window <= 0 means all.
//
// Order and errors are those of RRF.
func RelativeScore(legs []Leg, window int) ([]Hit, error) {
	if err := checkWeights(legs); err != nil {
		return nil, err
	}
	hits, err := merge(legs, window)
	if err != nil {
		return nil, err
	}
	for leg := range legs {
		low, high := bounds(hits, leg)
		for i := range hits {
			share := &hits[i].Shares[leg]
			if share.Rank != 0 {
				share.Share = legs[leg].Weight * relative(share.Score, low, high)
			}
		}
	}
	return finish(legs, hits), nil
}

// bounds returns the least and the greatest score in the leg.
func bounds(hits []Hit, leg int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := range hits {
		if share := &hits[i].Shares[leg]; share.Rank != 0 {
			low, high = min(low, share.Score), max(high, share.Score)
		}
	}
	return low, high
}

// relative maps a score from [low, high] to [0, 1].
func relative(score, low, high float64) float64 {
	if low == high {
		return 1
	}
	if math.IsInf(high-low, 0) { // both near the limits of float64: halve before subtracting
		score, low, high = score/2, low/2, high/2
	}
	return (score - low) / (high - low)
}
