package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNumbering(t *testing.T) {
	t.Run("who stays in order is shifted", func(t *testing.T) {
		n := numberingOf([]uint32{7, 8, 9})
		require.True(t, n.shifted && !n.drops)
		require.EqualValues(t, 7, n.first)
		for _, docs := range [][]uint32{{7, 9}, {8, 7}, {0, Dropped}, {Dropped}, {}} {
			require.False(t, numberingOf(docs).shifted, docs)
		}
	})
	t.Run("a document outside the input is damage", func(t *testing.T) {
		e := &listEncoder{shape: ShapeKeyword}
		require.ErrorIs(t, e.take([]uint32{0, 3}, numberingOf([]uint32{0, 1, 2})), ErrCorrupt)
	})
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom([]Shape{ShapeText, ShapeKeyword}).Draw(t, "shape")
		e := &listEncoder{shape: shape}
		e.begin()
		var want, wantFreqs []uint32
		var positions [][]uint32
		for range rapid.IntRange(1, 3).Draw(t, "blocks") {
			to := rapid.SliceOfN(rapid.SampledFrom([]uint32{3, 200, Dropped}), 1, 20).Draw(t, "numbers")
			start := len(e.list)
			docs := make([]uint32, len(to))
			for i := range to {
				docs[i] = uint32(i)
			}
			require.NoError(t, e.take(docs, numberingOf(to)))
			for i, doc := range to {
				p := []uint32{uint32(i), uint32(i) + rapid.SampledFrom([]uint32{1, 500}).Draw(t, "gap")}
				e.freqs = append(e.freqs, uint32(start+i))
				if shape == ShapeText {
					e.bytes = AppendPositions(e.bytes, p)
					e.ends = append(e.ends, uint32(len(e.bytes)))
				}
				if doc != Dropped {
					want, wantFreqs, positions = append(want, doc), append(wantFreqs, uint32(start+i)), append(positions, p)
				}
			}
			e.dropFrom(start)
			require.Len(t, e.list, len(want))
			// The numbers of the postings are those of the next block.
			for i := range wantFreqs {
				require.Equal(t, wantFreqs[i], e.freqs[i])
			}
		}
		require.Equal(t, want, append([]uint32(nil), e.list...))
		begin := uint32(0)
		for i, p := range positions {
			if shape != ShapeText {
				break
			}
			got, ok := ReadPositions(nil, e.bytes[begin:e.ends[i]])
			require.True(t, ok)
			require.Equal(t, p, got)
			begin = e.ends[i]
		}
		ascends := true
		for i := 1; i < len(want); i++ {
			ascends = ascends && want[i-1] < want[i]
		}
		e.noteOrder(0)
		require.Equal(t, ascends, e.ascending)
	})
}
