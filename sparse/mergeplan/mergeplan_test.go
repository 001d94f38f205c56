package mergeplan_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/sparse/mergeplan"
)

func TestNext(t *testing.T) {
	p := mergeplan.Policy{Width: 3, FloorBytes: 100, CapBytes: 10_000, MaxDeleted: 0.5}
	seg := func(bytes int64) mergeplan.Segment { return mergeplan.Segment{Bytes: bytes, Docs: 10} }
	for name, c := range map[string]struct {
		segments []mergeplan.Segment
		want     []int
	}{
		"nothing":             {nil, nil},
		"too few of a size":   {[]mergeplan.Segment{seg(10), seg(20), seg(5000)}, nil},
		"small ones together": {[]mergeplan.Segment{seg(10), seg(2000), seg(20), seg(90)}, []int{0, 2, 3}},
		"smallest size first": {
			[]mergeplan.Segment{seg(400), seg(400), seg(400), seg(1), seg(1), seg(1)}, []int{3, 4, 5},
		},
		"too large stay":               {[]mergeplan.Segment{seg(6000), seg(6000), seg(6000)}, nil},
		"mostly deleted alone":         {[]mergeplan.Segment{seg(10), {Bytes: 9000, Docs: 10, Deleted: 6}}, []int{1}},
		"half deleted is not too much": {[]mergeplan.Segment{{Bytes: 9000, Docs: 10, Deleted: 5}}, nil},
		"deleted ones count as smaller": {
			[]mergeplan.Segment{seg(10), seg(10), {Bytes: 180, Docs: 10, Deleted: 5}}, []int{0, 1, 2},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, p.Next(c.segments)) })
	}
}

// TestMergingEnds merges what the plan says until it says nothing: that takes fewer merges than there are
// segments, loses no live document, and leaves few segments.
func TestMergingEnds(t *testing.T) {
	p := mergeplan.Default()
	rapid.Check(t, func(t *rapid.T) {
		segments := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) mergeplan.Segment {
			docs := rapid.IntRange(1, 100_000).Draw(t, "docs")
			return mergeplan.Segment{Bytes: int64(docs) * 400, Docs: docs, Deleted: rapid.IntRange(0, docs).Draw(t, "deleted")}
		}), 0, 60).Draw(t, "segments")
		live := func() (n int) {
			for _, s := range segments {
				n += s.Docs - s.Deleted
			}
			return n
		}
		want := live()
		merges := 0
		for chosen := p.Next(segments); chosen != nil; chosen = p.Next(segments) {
			merges++
			require.LessOrEqual(t, merges, 200)
			segments = mergeChosen(segments, chosen)
		}
		require.Equal(t, want, live())
		require.LessOrEqual(t, len(segments), 7*6)
	})
}

// mergeChosen does what a merge would do.
func mergeChosen(segments []mergeplan.Segment, chosen []int) []mergeplan.Segment {
	var kept []mergeplan.Segment
	var merged mergeplan.Segment
	for i, s := range segments {
		if len(chosen) == 0 || chosen[0] != i {
			kept = append(kept, s)
			continue
		}
		chosen = chosen[1:]
		merged.Docs += s.Docs - s.Deleted
		merged.Bytes += s.Bytes * int64(s.Docs-s.Deleted) / int64(s.Docs)
	}
	if merged.Docs > 0 {
		kept = append(kept, merged)
	}
	return kept
}

func TestValidate(t *testing.T) {
	require.NoError(t, mergeplan.Default().Validate())
	for _, p := range []mergeplan.Policy{
		{Width: 1, FloorBytes: 1, CapBytes: 1, MaxDeleted: 0.5},
		{Width: 8, FloorBytes: 2, CapBytes: 1, MaxDeleted: 0.5},
		{Width: 8, FloorBytes: 1, CapBytes: 1},
	} {
		require.Error(t, p.Validate())
	}
}
