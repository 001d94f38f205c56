package state

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
