package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAwaitKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, func(_ int, cfg *Config) { cfg.CommitTimeout = time.Hour })
		m.web.slow(time.Millisecond)
		at := m.leader(-1)
		leader := m.groups[at]
		knowing := func(index uint64) (followers int) {
			for i, g := range m.groups {
				if i != at && g.raft.CommitIndex() >= index {
					followers++
				}
			}
			return followers
		}
		for range 20 {
			_, index := propose(t, leader, command("x"))
			require.Zero(t, knowing(index), "only the leader knows at first")
			began := time.Now()
			leader.AwaitKnown(t.Context(), index)
			require.Positive(t, knowing(index))
			require.Less(t, time.Since(began), 5*time.Millisecond, "a round trip")
		}
		_, index := propose(t, leader, command("x"))
		began := time.Now()
		leader.AwaitKnown(t.Context(), index+1)
		require.Equal(t, knownWait, time.Since(began), "of what is not committed nobody knows")
		m.close()
		time.Sleep(2 * time.Hour)
	})
}
