package fusion_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/fusion"
)

// leg makes a leg of weight 1 from ids, scored 10, 9, 8, ...
func leg(name string, ids ...string) fusion.Leg {
	l := fusion.Leg{Name: name, Weight: 1}
	for i, id := range ids {
		l.Entries = append(l.Entries, fusion.Entry{ID: id, Score: float64(10 - i)})
	}
	return l
}

func ids(hits []fusion.Hit) []string {
	list := []string{}
	for _, h := range hits {
		list = append(list, h.ID)
	}
	return list
}

func TestWindow(t *testing.T) {
	for _, c := range []struct{ from, size, want int }{
		{0, 0, 100},
		{0, 10, 100},
		{0, 25, 100},
		{1, 25, 104},
		{90, 10, 400},
		{-5, 30, 120},
		{10, -1, 100},
		{math.MaxInt, 10, math.MaxInt},
		{math.MaxInt, math.MaxInt, math.MaxInt},
	} {
		t.Run(fmt.Sprintf("from %d size %d", c.from, c.size), func(t *testing.T) {
			require.Equal(t, c.want, fusion.Window(c.from, c.size))
		})
	}
}

func TestRRF(t *testing.T) {
	t.Run("hand-computed table", func(t *testing.T) {
		hits, err := fusion.RRF([]fusion.Leg{leg("sparse", "a", "b", "c"), leg("dense", "c", "d", "a")}, 60, 0)
		require.NoError(t, err)
		require.Equal(t, []fusion.Hit{
			{ID: "a", Score: 1.0/63 + 1.0/61, Shares: []fusion.Share{{1, 10, 1.0 / 61}, {3, 8, 1.0 / 63}}},
			{ID: "c", Score: 1.0/63 + 1.0/61, Shares: []fusion.Share{{3, 8, 1.0 / 63}, {1, 10, 1.0 / 61}}},
			{ID: "b", Score: 1.0 / 62, Shares: []fusion.Share{{2, 9, 1.0 / 62}, {}}},
			{ID: "d", Score: 1.0 / 62, Shares: []fusion.Share{{}, {2, 9, 1.0 / 62}}},
		}, hits)
		require.InDelta(t, 0.032266, hits[0].Score, 1e-6)
	})
	t.Run("weights and another k", func(t *testing.T) {
		sparse, dense := leg("sparse", "a", "b"), leg("dense", "b")
		sparse.Weight, dense.Weight = 2, 0.5
		hits, err := fusion.RRF([]fusion.Leg{sparse, dense}, 1, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, ids(hits))
		require.InDelta(t, 1.0, hits[0].Score, 1e-15)        // 2/(1+1)
		require.InDelta(t, 2.0/3+0.25, hits[1].Score, 1e-15) // 2/(1+2) + 0.5/(1+1)
		require.InDelta(t, 0.25, hits[1].Shares[1].Share, 1e-15)
	})
	t.Run("window cuts each leg", func(t *testing.T) {
		hits, err := fusion.RRF([]fusion.Leg{leg("x", "a", "b", "c"), leg("y", "c", "d")}, 60, 1)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "c"}, ids(hits))
		require.Zero(t, hits[1].Shares[0], "c is rank 3 in x, outside the window")
	})
	t.Run("first of duplicate ids counts", func(t *testing.T) {
		twice, err := fusion.RRF([]fusion.Leg{leg("x", "a", "b", "a", "b", "c")}, 60, 3)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b", "c"}, ids(twice))
		require.Equal(t, 3, twice[2].Shares[0].Rank)
		require.InDelta(t, 10, twice[0].Shares[0].Score, 0)
	})
	t.Run("leg of weight zero adds no hits", func(t *testing.T) {
		off := leg("off", "z", "a")
		off.Weight = 0
		hits, err := fusion.RRF([]fusion.Leg{leg("x", "a"), off}, 60, 0)
		require.NoError(t, err)
		require.Equal(t, []fusion.Hit{
			{ID: "a", Score: 1.0 / 61, Shares: []fusion.Share{{1, 10, 1.0 / 61}, {2, 9, 0}}},
		}, hits)
	})
	t.Run("ties sort by bytes of the id", func(t *testing.T) {
		hits, err := fusion.RRF([]fusion.Leg{leg("1", "é"), leg("2", "z"), leg("3", "Z"), leg("4", "")}, 60, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"", "Z", "z", "é"}, ids(hits))
	})
	t.Run("nothing to fuse", func(t *testing.T) {
		for _, legs := range [][]fusion.Leg{nil, {}, {leg("x")}, {leg("x"), leg("y")}} {
			hits, err := fusion.RRF(legs, 60, 100)
			require.NoError(t, err)
			require.Empty(t, hits)
		}
	})
}

func TestRelativeScore(t *testing.T) {
	entries := func(pairs ...any) []fusion.Entry {
		list := []fusion.Entry{}
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, fusion.Entry{ID: pairs[i].(string), Score: pairs[i+1].(float64)})
		}
		return list
	}
	t.Run("hand-computed table", func(t *testing.T) {
		hits, err := fusion.RelativeScore([]fusion.Leg{
			{Name: "sparse", Weight: 1, Entries: entries("a", 12.0, "b", 6.0, "c", 4.0)},
			{Name: "dense", Weight: 2, Entries: entries("b", 0.9, "d", 0.85, "a", 0.8)},
		}, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "a", "d", "c"}, ids(hits))
		for i, want := range []float64{2.25, 1, 1, 0} {
			require.InDelta(t, want, hits[i].Score, 1e-9, hits[i].ID)
		}
	})
	t.Run("equal scores count full", func(t *testing.T) {
		hits, err := fusion.RelativeScore([]fusion.Leg{{Weight: 1, Entries: entries("b", 3.0, "a", 3.0)}}, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, ids(hits))
		require.InDelta(t, 1, hits[1].Score, 0)
	})
	t.Run("window bounds the scale", func(t *testing.T) {
		legs := []fusion.Leg{{Weight: 1, Entries: entries("a", 4.0, "b", 3.0, "c", 2.0, "d", -90.0)}}
		hits, err := fusion.RelativeScore(legs, 3)
		require.NoError(t, err)
		require.Len(t, hits, 3)
		require.InDelta(t, 0.5, hits[1].Score, 0)
	})
	t.Run("range beyond float64", func(t *testing.T) {
		legs := []fusion.Leg{{Weight: 1, Entries: entries("a", math.MaxFloat64, "b", 0.0, "c", -math.MaxFloat64)}}
		hits, err := fusion.RelativeScore(legs, 0)
		require.NoError(t, err)
		require.InDelta(t, 0.5, hits[1].Score, 1e-12)
	})
}

func TestBadParameters(t *testing.T) {
	weigh := func(w float64) []fusion.Leg { return []fusion.Leg{{Name: "dense", Weight: w}} }
	score := func(s float64) []fusion.Leg {
		return []fusion.Leg{{Name: "dense", Weight: 1, Entries: []fusion.Entry{{ID: "p1", Score: s}}}}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300} {
		t.Run(fmt.Sprintf("k %v", bad), func(t *testing.T) {
			_, err := fusion.RRF(nil, bad, 0)
			require.ErrorIs(t, err, fusion.ErrBadParameter)
			require.ErrorContains(t, err, "k is")
		})
		t.Run(fmt.Sprintf("weight %v", bad), func(t *testing.T) {
			_, err := fusion.RRF(weigh(bad), 60, 0)
			require.ErrorIs(t, err, fusion.ErrBadParameter)
			_, err = fusion.RelativeScore(weigh(bad), 0)
			require.ErrorIs(t, err, fusion.ErrBadParameter)
			require.ErrorContains(t, err, `weight of leg "dense"`)
		})
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		t.Run(fmt.Sprintf("score %v", bad), func(t *testing.T) {
			_, err := fusion.RRF(score(bad), 60, 0)
			require.ErrorIs(t, err, fusion.ErrBadParameter)
			_, err = fusion.RelativeScore(score(bad), 0)
			require.ErrorIs(t, err, fusion.ErrBadParameter)
			require.ErrorContains(t, err, `score of "p1" in leg "dense"`)
		})
	}
}
