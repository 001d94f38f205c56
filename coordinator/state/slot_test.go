package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlotOf(t *testing.T) {
	t.Run("slots stay for ever", func(t *testing.T) {
		for key, slot := range map[string]int{
			"": 2457, "a": 3675, "p1": 3612, "doc-00000001": 3411, "文書-1": 662,
			"https://example.org/papers/1?q=a%20b": 1446,
		} {
			require.Equal(t, slot, SlotOf(key), key)
		}
	})
	t.Run("keys that look alike are spread evenly", func(t *testing.T) {
		const each = 100
		var counts [Slots]int
		for i := range Slots * each {
			counts[SlotOf(fmt.Sprintf("doc-%08d", i))]++
		}
		// Chi-squared with 4,095 degrees of freedom: its mean is 4,095, its standard deviation 90.5.
		sum := 0.0
		for _, n := range counts {
			d := float64(n - each)
			sum += d * d / each
		}
		require.InDelta(t, Slots-1, sum, 5*90.5)
	})
}

func TestLayout(t *testing.T) {
	for n := 1; n <= Slots; n += 1 + n/3 {
		x := Index{Shards: Layout("u", make([][]string, n))}
		require.True(t, covers(x.Shards), n)
		for _, s := range x.Shards {
			require.InDelta(t, float64(Slots)/float64(n), s.To-s.From, 1)
			require.Equal(t, s.ID, x.ShardFor(s.From).ID)
			require.Equal(t, s.ID, x.ShardFor(s.To-1).ID)
		}
		require.Zero(t, x.ShardFor(Slots))
		require.Zero(t, x.ShardFor(-1))
	}
	require.Zero(t, Index{}.ShardFor(0))
}
