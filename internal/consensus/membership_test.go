package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// writer proposes to whoever leads until stop is closed, each command with a key of its own until it is committed, and
// gives their number.
func (m *mesh) writer(stop <-chan struct{}) (written int) {
	for ; ; written++ {
		p := command(fmt.Sprint("w", written))
		p.Key[0], p.Key[1], p.Key[2] = 1, byte(written>>8), byte(written)
		for done := false; !done; {
			select {
			case <-stop:
				return written
			case <-time.After(5 * time.Millisecond):
			}
			for _, g := range m.groups {
				if !g.IsLeader() {
					continue
				}
				_, _, err := g.Propose(m.t.Context(), p)
				done = done || err == nil
				if err != nil && !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNotLeader) {
					m.t.Errorf("propose: %v", err)
				}
			}
		}
	}
}

// Members come and go under writes, the leader among them, and no write is lost or done twice.
func TestMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, nil)
		stop, writers, written := make(chan struct{}), sync.WaitGroup{}, 0
		m.leader(-1)
		joiner := m.add(meshConfig(m.web, t.TempDir(), "n3"))
		writers.Go(func() { written = m.writer(stop) })
		time.Sleep(time.Second)
		old := m.groups[m.leader(-1)]
		ctx := t.Context()

		require.ErrorIs(t, m.groups[joiner].AddNonvoter(ctx, "n3"), ErrNotLeader)
		require.ErrorIs(t, old.Promote(ctx, "n3"), ErrNotMember)
		require.NoError(t, old.AddNonvoter(ctx, "n3"))
		require.NoError(t, old.AddNonvoter(ctx, "n3"))
		require.Contains(t, old.Servers(), Server{ID: "n3"})
		require.ErrorIs(t, old.TransferLeadershipTo(ctx, "n3"), ErrNotMember)
		await(t, func() bool {
			behind, err := old.CaughtUp(ctx, "n3")
			return err == nil && behind < 10
		})
		require.NoError(t, old.Promote(ctx, "n3"))
		require.NoError(t, old.Promote(ctx, "n3"))
		require.NoError(t, old.AddNonvoter(ctx, "n3"), "a voter must stay one")
		require.Contains(t, old.Servers(), Server{ID: "n3", Voter: true})

		require.NoError(t, old.TransferLeadershipTo(ctx, "n3"))
		require.False(t, old.IsLeader())
		require.Equal(t, joiner, m.leader(-1))
		gone := time.Now()
		require.NoError(t, m.groups[joiner].Remove(ctx, "n3"))
		require.False(t, m.groups[joiner].IsLeader())
		next := m.leader(joiner)
		require.Less(t, time.Since(gone), time.Second, "another must have been asked to elect")
		require.NoError(t, m.groups[next].Remove(ctx, "n3"))
		require.Len(t, m.groups[next].Servers(), 3)
		require.NoError(t, m.groups[next].TransferLeadershipTo(ctx, m.configs[next].ID))
		require.NoError(t, m.groups[joiner].Close())

		close(stop)
		writers.Wait()
		require.Greater(t, written, 50)
		time.Sleep(time.Minute)
		last := m.groups[m.leader(-1)].Stats().CommitIndex
		for i := range 3 {
			require.NoError(t, m.groups[i].WaitApplied(ctx, last), "with nothing but raft's own entries at the end")
			require.GreaterOrEqual(t, len(m.machines[i].payloads()), written)
			for n, payload := range m.machines[i].payloads() {
				require.Equal(t, fmt.Sprint("w", n), payload)
			}
		}
		behind, err := m.groups[m.leader(-1)].CaughtUp(ctx, "n0")
		require.NoError(t, err)
		require.Zero(t, behind)
		m.close()
		time.Sleep(time.Minute)
	})
}

func TestMembershipRefused(t *testing.T) {
	w := newWeb()
	g := openSolo(t, meshConfig(w, t.TempDir(), "a", "a"), &journal{})
	t.Run("the last voter stays", func(t *testing.T) {
		require.Error(t, g.Remove(t.Context(), "a"))
		require.True(t, g.IsLeader())
	})
	t.Run("what is gone can be removed", func(t *testing.T) {
		require.NoError(t, g.Remove(t.Context(), "b"))
	})
	t.Run("a context that ended changes nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, g.AddNonvoter(ctx, "b"), context.Canceled)
		require.Equal(t, []Server{{ID: "a", Voter: true}}, g.Servers())
	})
	t.Run("waiting for what is not there ends with the context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, g.WaitApplied(ctx, 1<<40), context.DeadlineExceeded)
	})
	t.Run("an absent replica is not caught up", func(t *testing.T) {
		_, err := g.CaughtUp(t.Context(), "b")
		require.ErrorIs(t, err, errCut)
	})
	t.Run("waiting ends when the group is closed", func(t *testing.T) {
		waiting := make(chan error)
		go func() { waiting <- g.WaitApplied(context.Background(), 1<<40) }()
		require.NoError(t, g.Close())
		require.ErrorIs(t, <-waiting, ErrClosed)
	})
}
