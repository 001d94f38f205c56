package fusion_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/fusion"
)

// method is one of the two ways to fuse, with its other parameters drawn.
type method struct {
	name string
	fuse func(legs []fusion.Leg, window int) ([]fusion.Hit, error)
}

func drawMethod(t *rapid.T) method {
	if rapid.Bool().Draw(t, "relative") {
		return method{"relative", fusion.RelativeScore}
	}
	k := rapid.Float64Range(0, 1000).Draw(t, "k")
	return method{"rrf", func(legs []fusion.Leg, window int) ([]fusion.Hit, error) {
		return fusion.RRF(legs, k, window)
	}}
}

// drawLegs makes one to five legs over a small set of ids, so that overlaps, duplicates and ties are
// frequent; scores descend.
func drawLegs(t *rapid.T) []fusion.Leg {
	legs := make([]fusion.Leg, rapid.IntRange(1, 5).Draw(t, "legs"))
	for i := range legs {
		legs[i].Name = fmt.Sprint("leg ", i)
		legs[i].Weight = rapid.SampledFrom([]float64{0, 0.1, 0.3, 1, 1, 7}).Draw(t, "weight")
		scores := rapid.SliceOfN(rapid.Float64Range(-50, 50), 0, 30).Draw(t, "scores")
		slices.Sort(scores)
		slices.Reverse(scores)
		for _, score := range scores {
			id := fmt.Sprint("d", rapid.IntRange(0, 20).Draw(t, "id"))
			legs[i].Entries = append(legs[i].Entries, fusion.Entry{ID: id, Score: score})
		}
	}
	return legs
}

func TestLegOrderDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs, m := drawLegs(t), drawMethod(t)
		window := rapid.IntRange(0, 30).Draw(t, "window")
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}[:len(legs)]).Draw(t, "order")
		permuted := make([]fusion.Leg, len(legs))
		for i, from := range order {
			permuted[i] = legs[from]
		}
		want, err := m.fuse(legs, window)
		require.NoError(t, err)
		got, err := m.fuse(permuted, window)
		require.NoError(t, err)
		require.Equal(t, ids(want), ids(got))
		for i := range want {
			require.Equal(t, math.Float64bits(want[i].Score), math.Float64bits(got[i].Score))
			for j, from := range order {
				require.Equal(t, want[i].Shares[from], got[i].Shares[j])
			}
		}
	})
}

func TestResultIsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs, m := drawLegs(t), drawMethod(t)
		window := rapid.IntRange(0, 30).Draw(t, "window")
		hits, err := m.fuse(legs, window)
		require.NoError(t, err)
		seen := map[string]bool{}
		for i, h := range hits {
			require.False(t, seen[h.ID], "id %s twice", h.ID)
			seen[h.ID] = true
			require.Len(t, h.Shares, len(legs))
			total := 0.0
			for _, s := range h.Shares {
				require.False(t, window > 0 && s.Rank > window)
				require.GreaterOrEqual(t, s.Share, 0.0)
				total += s.Share
			}
			require.InDelta(t, total, h.Score, 1e-9)
			if i > 0 {
				before := hits[i-1]
				require.True(t, before.Score > h.Score || before.Score == h.Score && before.ID < h.ID)
			}
		}
	})
}

func TestWindowIsACutOfTheLegs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs, m := drawLegs(t), drawMethod(t)
		window := rapid.IntRange(1, 30).Draw(t, "window")
		windowed, err := m.fuse(legs, window)
		require.NoError(t, err)
		cut := make([]fusion.Leg, len(legs))
		for i, l := range legs {
			seen := map[string]bool{}
			cut[i] = fusion.Leg{Name: l.Name, Weight: l.Weight}
			for _, e := range l.Entries {
				if !seen[e.ID] && len(cut[i].Entries) < window {
					cut[i].Entries = append(cut[i].Entries, e)
				}
				seen[e.ID] = true
			}
		}
		whole, err := m.fuse(cut, 0)
		require.NoError(t, err)
		require.Equal(t, whole, windowed)
	})
}

func TestBetterRankNeverHurts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs := drawLegs(t)
		before, err := fusion.RRF(legs, 60, 0)
		require.NoError(t, err)
		i := rapid.IntRange(0, len(legs)-1).Draw(t, "improved leg")
		if len(legs[i].Entries) < 2 || len(before) == 0 {
			return
		}
		at := rapid.IntRange(1, len(legs[i].Entries)-1).Draw(t, "at")
		id := legs[i].Entries[at].ID
		entries := slices.Clone(legs[i].Entries)
		entries[at-1].ID, entries[at].ID = entries[at].ID, entries[at-1].ID
		improved := slices.Clone(legs)
		improved[i].Entries = entries
		after, err := fusion.RRF(improved, 60, 0)
		require.NoError(t, err)
		place := func(hits []fusion.Hit) int {
			return slices.IndexFunc(hits, func(h fusion.Hit) bool { return h.ID == id })
		}
		require.LessOrEqual(t, place(after), place(before))
	})
}

func TestOneLegKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 50).Draw(t, "count")
		only := fusion.Leg{Weight: 1}
		for i := range count {
			only.Entries = append(only.Entries, fusion.Entry{ID: fmt.Sprintf("%03d", i), Score: float64(-i)})
		}
		hits, err := drawMethod(t).fuse([]fusion.Leg{only}, 0)
		require.NoError(t, err)
		for i := range hits {
			require.Equal(t, only.Entries[i].ID, hits[i].ID)
			require.Equal(t, i+1, hits[i].Shares[0].Rank)
		}
	})
}
