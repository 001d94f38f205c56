package api

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

func TestPassageID(t *testing.T) {
	t.Run("names are taken apart again", func(t *testing.T) {
		for _, id := range []string{"a", "a#1", "https://example.org/x#top", "文書#"} {
			for _, n := range []int{0, 1, 9, 10, 999_999} {
				parent, position, ok := SplitPassageID(PassageID(id, n))
				require.True(t, ok)
				require.Equal(t, id, parent)
				require.Equal(t, n, position)
			}
		}
	})
	t.Run("other ids are not those of passages", func(t *testing.T) {
		for _, id := range []string{"", "a", "#", "#1", "a#", "a#01", "a#1x", "a#-1", "a#1000000"} {
			_, _, ok := SplitPassageID(id)
			require.False(t, ok, id)
		}
	})
	t.Run("passages lie with their document", func(t *testing.T) {
		s := Schema{Passages: &PassageConfig{}}
		require.Equal(t, "a#b", s.RoutingKey("a#b#7"))
		require.Equal(t, "a#b", s.RoutingKey("a#b"))
		require.Equal(t, "a#b#7", (&Schema{}).RoutingKey("a#b#7"))
	})
}
