package consensus

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// retrying tells whether any goroutine is about an append that waits for its follower.
func retrying() bool {
	stacks := make([]byte, 4<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*replication).AppendEntries")
}

// away is a fleet with a follower out of reach for so long that raft by itself would come back to it after 10 s.
func away(t *testing.T, hang bool) (m *mesh, p *tap, leader, follower int, back func()) {
	m, p = newFleet(t, 3, 1)
	leader = m.leader(-1)
	follower = (leader + 1) % 3
	propose(t, m.groups[leader], command("before"))
	id := m.configs[follower].ID
	if hang {
		p.hang(id, true)
		back = func() { p.hang(id, false) }
	} else {
		m.web.isolate(id, true)
		back = func() { m.web.isolate(id, false) }
	}
	for i := range 8 {
		propose(t, m.groups[leader], command(fmt.Sprint("meanwhile ", i)))
		time.Sleep(5 * time.Second)
	}
	return m, p, leader, follower, back
}

func TestReplicationReturns(t *testing.T) {
	for _, c := range []struct {
		name  string
		hang  bool
		limit time.Duration
	}{{"refused", false, time.Second}, {"silent", true, 3 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, p, leader, follower, back := away(t, c.hang)
				index := m.groups[leader].AppliedIndex()
				calls := p.since(time.Now().Add(-30*time.Second), kindAppend, m.configs[leader].ID)
				require.Less(t, len(calls), 30*20)
				back()
				began := time.Now()
				require.NoError(t, m.groups[follower].WaitApplied(t.Context(), index))
				require.Less(t, time.Since(began), c.limit)
				require.Equal(t, m.machines[leader].payloads(), m.machines[follower].payloads())
				require.Equal(t, m.groups[leader].Term(), m.groups[follower].Term())
				time.Sleep(time.Second)
				require.False(t, retrying())
				m.close()
				time.Sleep(time.Minute)
			})
		})
	}
	t.Run("one entry alone, and that it is committed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := newFleet(t, 3, 1)
			leader := m.leader(-1)
			follower := (leader + 1) % 3
			time.Sleep(time.Second)
			m.web.isolate(m.configs[follower].ID, true)
			_, index := propose(t, m.groups[leader], command("alone"))
			time.Sleep(40 * time.Second)
			m.web.isolate(m.configs[follower].ID, false)
			began := time.Now()
			require.NoError(t, m.groups[follower].WaitApplied(t.Context(), index))
			require.Less(t, time.Since(began), 2*retryPause+50*time.Millisecond)
			m.close()
			time.Sleep(time.Minute)
		})
	})
}

// Whoever ends the reason for an append ends its being sent again.
func TestReplicationEnds(t *testing.T) {
	t.Run("with the leadership", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, p, leader, follower, back := away(t, false)
			require.True(t, retrying())
			require.NoError(t, m.groups[leader].TransferLeadershipTo(t.Context(), m.configs[(leader+2)%3].ID))
			time.Sleep(2 * retryPause)
			now := time.Now()
			next := m.leader(leader)
			propose(t, m.groups[next], command("by the next"))
			time.Sleep(time.Minute)
			require.Empty(t, p.since(now, kindAppend, m.configs[leader].ID))
			back()
			time.Sleep(time.Second)
			require.False(t, retrying())
			m.settle()
			for _, machine := range m.machines {
				require.Equal(t, m.machines[next].payloads(), machine.payloads())
			}
			require.Equal(t, m.groups[next].Term(), m.groups[follower].Term())
			m.close()
			time.Sleep(time.Minute)
		})
	})
	t.Run("with a newer term", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, p, leader, _, back := away(t, false)
			m.web.isolate(m.configs[leader].ID, true)
			back() // for the others to be a majority
			next := m.leader(leader)
			propose(t, m.groups[next], command("by the next"))
			m.web.isolate(m.configs[leader].ID, false)
			time.Sleep(2 * time.Second)
			require.False(t, retrying())
			require.Empty(t, p.since(time.Now().Add(-time.Second), kindAppend, m.configs[leader].ID))
			m.settle()
			for _, machine := range m.machines {
				require.Equal(t, m.machines[next].payloads(), machine.payloads())
			}
			m.close()
			time.Sleep(time.Minute)
		})
	})
	t.Run("with the membership", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, p, leader, follower, _ := away(t, false)
			require.NoError(t, m.groups[leader].Remove(t.Context(), m.configs[follower].ID))
			time.Sleep(4 * time.Second) // raft's heartbeats end with its replication
			require.False(t, retrying())
			for _, call := range p.since(time.Now().Add(-time.Second), kindAppend, m.configs[leader].ID) {
				require.NotEqual(t, m.configs[follower].ID, call.to)
			}
			m.close()
			time.Sleep(time.Minute)
		})
	})
	for _, hang := range []bool{false, true} {
		t.Run(fmt.Sprintf("with the group, silent %v", hang), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _, leader, _, _ := away(t, hang)
				began := time.Now()
				require.NoError(t, m.groups[leader].Close())
				require.Less(t, time.Since(began), 300*time.Millisecond)
				synctest.Wait()
				require.False(t, retrying())
				m.close()
				time.Sleep(time.Minute)
			})
		})
	}
}

// A transfer to a follower that is out of reach fails, and does not keep the leader from its work.
func TestReplicationDuringTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, leader, follower, back := away(t, false)
		for range 3 {
			require.Error(t, m.groups[leader].TransferLeadershipTo(t.Context(), m.configs[follower].ID))
		}
		time.Sleep(2 * retryPause)
		_, index := propose(t, m.groups[leader], command("after"))
		time.Sleep(20 * time.Second)
		back()
		began := time.Now()
		require.NoError(t, m.groups[follower].WaitApplied(t.Context(), index))
		require.Less(t, time.Since(began), time.Second)
		m.close()
		time.Sleep(time.Minute)
	})
}
