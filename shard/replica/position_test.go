package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/consensus"
)

func TestCommitted(t *testing.T) {
	t.Run("a leader that was just elected has applied nothing yet", func(t *testing.T) {
		index, err := committed(consensus.Stats{State: "Leader", Term: 3, LastIndex: 9}, 3)
		require.NoError(t, err)
		require.Equal(t, uint64(9), index)
	})
	t.Run("whose log was compacted", func(t *testing.T) {
		index, err := committed(consensus.Stats{State: "Leader", Term: 3, AppliedIndex: 12}, 3)
		require.NoError(t, err)
		require.Equal(t, uint64(12), index)
	})
	t.Run("who leads no more can't tell", func(t *testing.T) {
		_, err := committed(consensus.Stats{State: "Follower", Term: 4, AppliedIndex: 9, LastIndex: 9}, 3)
		require.ErrorIs(t, err, ErrLagging)
		_, err = committed(consensus.Stats{State: "Leader", Term: 2, AppliedIndex: 9, LastIndex: 9}, 3)
		require.ErrorIs(t, err, ErrLagging)
	})
}
