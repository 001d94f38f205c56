package fusion

import (
	"cmp"
	"slices"
)

// Share is what one leg contributes to a hit.
type Share struct {
	// Rank is the hit's place in the leg, from 1; 0 when the leg does not have it within the window.
	Rank int
	// Score is the leg's own score, as given; 0 when absent.
	Score float64
	// Share is the part of the fused score that comes from the leg; 0 when absent.
	Share float64
}

// Hit is one document of the fused list.
type Hit struct {
	// ID is the document's id.
	ID string
	// Score is the sum of the shares.
	Score float64
	// Shares are parallel to the legs. The hits of one result share an array: don't append to it.
	Shares []Share
}

// merge collects the distinct ids of all legs, each with its rank and score per leg; fused scores are
// still 0.
func merge(legs []Leg, window int) ([]Hit, error) {
	total := 0
	for i := range legs {
		total += legs[i].take(window)
	}
	hits := make([]Hit, 0, total)
	shares := make([]Share, total*len(legs))
	places := make(map[string]int, total)
	for i := range legs {
		rank := 0
		for j := range legs[i].Entries {
			if window > 0 && rank == window {
				break
			}
			entry := &legs[i].Entries[j]
			place, known := places[entry.ID]
			if known && hits[place].Shares[i].Rank != 0 {
				continue
			}
			if err := checkScore(legs[i].Name, entry); err != nil {
				return nil, err
			}
			if !known {
				place = len(hits)
				places[entry.ID] = place
				from := place * len(legs)
				hits = append(hits, Hit{ID: entry.ID, Shares: shares[from : from+len(legs) : from+len(legs)]})
			}
			rank++
			hits[place].Shares[i] = Share{Rank: rank, Score: entry.Score}
		}
	}
	return hits, nil
}

// finish sums the shares of each hit, drops hits that only legs of weight 0 have, and sorts: score
// descending, equal scores by id ascending in bytes.
func finish(legs []Leg, hits []Hit) []Hit {
	hits = slices.DeleteFunc(hits, func(h Hit) bool { return !weighted(legs, h.Shares) })
	scratch := make([]float64, len(legs))
	for i := range hits {
		hits[i].Score = sum(hits[i].Shares, scratch)
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if a.Score != b.Score {
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return hits
}

// weighted reports whether a leg that counts has the hit.
func weighted(legs []Leg, shares []Share) bool {
	for i := range shares {
		if shares[i].Rank != 0 && legs[i].Weight > 0 {
			return true
		}
	}
	return false
}

// sum adds the shares in ascending order, for floating-point addition gives other last bits in another
// order, and the legs' order must not decide a tie.
func sum(shares []Share, scratch []float64) float64 {
	for i := range shares {
		scratch[i] = shares[i].Share
	}
	slices.Sort(scratch)
	total := 0.0
	for _, share := range scratch {
		total += share
	}
	return total
}
