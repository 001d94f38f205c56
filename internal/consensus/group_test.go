package consensus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/consensus/boltstore"
)

func TestGroup(t *testing.T) {
	t.Run("commands are applied in order and answered", func(t *testing.T) {
		m := &journal{}
		g := openSolo(t, soloConfig(t.TempDir()), m)
		var before uint64
		for i := range 20 {
			result, index := propose(t, g, command(fmt.Sprint("c", i)))
			require.Equal(t, fmt.Sprintf("%d:c%d", i+1, i), result)
			require.Greater(t, index, before)
			before = index
		}
		require.NoError(t, g.ReadBarrier(t.Context()))
		require.GreaterOrEqual(t, g.AppliedIndex(), before)
		id, ok := g.Leader()
		require.True(t, ok)
		require.Equal(t, "a", id)
	})
	t.Run("concurrent commands are all applied once", func(t *testing.T) {
		m := &journal{}
		g := openSolo(t, soloConfig(t.TempDir()), m)
		var all sync.WaitGroup
		errs := make([]error, 300)
		for i := range errs {
			all.Go(func() { _, _, errs[i] = g.Propose(t.Context(), command(fmt.Sprint(i))) })
		}
		all.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Len(t, m.payloads(), len(errs))
	})
	t.Run("a restart applies what the machine had not made durable, and no more", func(t *testing.T) {
		m, cfg := &journal{}, soloConfig(t.TempDir())
		g := openSolo(t, cfg, m)
		propose(t, g, command("a"))
		propose(t, g, command("b"))
		_, err := m.Persist(t.Context())
		require.NoError(t, err)
		propose(t, g, command("c"))
		require.NoError(t, g.Close())

		m = m.reopen()
		require.Equal(t, []string{"a", "b"}, m.payloads())
		g = openSolo(t, cfg, m)
		require.NoError(t, g.ReadBarrier(t.Context()))
		require.Equal(t, []string{"a", "b", "c"}, m.payloads())
	})
	t.Run("a second opener is told the directory", func(t *testing.T) {
		cfg := soloConfig(t.TempDir())
		openSolo(t, cfg, &journal{})
		_, err := Open(cfg, &journal{})
		require.ErrorIs(t, err, boltstore.ErrLocked)
		require.ErrorContains(t, err, cfg.Dir)
	})
	t.Run("proposals that can't be entries are refused", func(t *testing.T) {
		g := openSolo(t, soloConfig(t.TempDir()), &journal{})
		for _, p := range []Proposal{
			{Payload: make([]byte, MaxPayload+1)}, {Flags: flagStateHash}, {MinReader: ReaderVersion + 1},
		} {
			_, _, err := g.Propose(t.Context(), p)
			require.ErrorIs(t, err, ErrInvalidProposal)
		}
	})
	t.Run("a closed group refuses", func(t *testing.T) {
		g := openSolo(t, soloConfig(t.TempDir()), &journal{})
		require.NoError(t, g.Close())
		_, _, err := g.Propose(t.Context(), command("x"))
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorIs(t, g.ReadBarrier(t.Context()), ErrClosed)
		require.False(t, g.IsLeader())
		require.NoError(t, g.Close())
	})
	t.Run("metrics go when the group goes", func(t *testing.T) {
		cfg := soloConfig(t.TempDir())
		registry := prometheus.NewRegistry()
		cfg.Registerer = registry
		g := openSolo(t, cfg, &journal{})
		propose(t, g, command("x"))
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 8)
		require.NoError(t, g.Close())
		families, err = registry.Gather()
		require.NoError(t, err)
		require.Empty(t, families)
	})
	t.Run("a cancelled proposal has an unknown outcome or none", func(t *testing.T) {
		g := openSolo(t, soloConfig(t.TempDir()), &journal{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := g.Propose(ctx, command("x"))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestDuplicates(t *testing.T) {
	m, cfg := &journal{}, soloConfig(t.TempDir())
	g := openSolo(t, cfg, m)
	first, at := propose(t, g, keyed(1, "once"))
	again, atAgain := propose(t, g, keyed(1, "once"))
	require.Equal(t, first, again)
	require.Equal(t, at, atAgain)
	require.Equal(t, []string{"once"}, m.payloads())
	index, result, known, ok := g.Outcome(keyed(1, "").Key)
	require.True(t, ok && known)
	require.Equal(t, at, index)
	require.Equal(t, first, result)
	_, _, _, ok = g.Outcome(keyed(2, "").Key)
	require.False(t, ok)
	_, err := m.Persist(t.Context())
	require.NoError(t, err)
	require.NoError(t, g.Close())

	m = m.reopen()
	g = openSolo(t, cfg, m)
	_, index, err = g.Propose(t.Context(), keyed(1, "once"))
	require.ErrorIs(t, err, ErrDuplicate)
	require.Equal(t, at, index)
	require.Equal(t, []string{"once"}, m.payloads())
}

func TestSnapshot(t *testing.T) {
	fill := func(t *testing.T, g *Group, n int) {
		var all sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			all.Go(func() { _, _, errs[i] = g.Propose(t.Context(), command(fmt.Sprint(i))) })
		}
		all.Wait()
		require.NoError(t, errors.Join(errs...))
	}
	t.Run("the log shrinks, the window of keys survives", func(t *testing.T) {
		m, cfg := &journal{}, soloConfig(t.TempDir())
		cfg.TrailingLogs = DedupWindow
		g := openSolo(t, cfg, m)
		fill(t, g, 1500)
		propose(t, g, keyed(9, "kept"))
		fill(t, g, DedupWindow-10)
		require.NoError(t, g.Snapshot(t.Context()))
		stats := g.Stats()
		require.Greater(t, stats.FirstIndex, uint64(1400))
		require.LessOrEqual(t, stats.FirstIndex+DedupWindow, stats.DurableIndex+1)
		require.NoError(t, g.Close())

		m = m.reopen()
		want := len(m.payloads())
		g = openSolo(t, cfg, m)
		_, _, err := g.Propose(t.Context(), keyed(9, "kept"))
		require.ErrorIs(t, err, ErrDuplicate)
		require.Len(t, m.payloads(), want)
	})
	t.Run("a log that grows while the machine is made durable keeps the window too", func(t *testing.T) {
		m, cfg := &growing{journal: &journal{}}, soloConfig(t.TempDir())
		cfg.TrailingLogs = DedupWindow
		g := openSolo(t, cfg, m)
		fill(t, g, DedupWindow/2)
		propose(t, g, keyed(9, "kept"))
		fill(t, g, DedupWindow-100)
		m.during = func() { fill(t, g, DedupWindow) }
		require.NoError(t, g.Snapshot(t.Context()))
		require.Greater(t, g.Stats().FirstIndex, uint64(1))
		require.NoError(t, g.Close())
		g = openSolo(t, cfg, m.reopen())
		_, _, _, ok := g.Outcome(keyed(9, "").Key)
		require.False(t, ok, "replaying must have gone past the window")
	})
	t.Run("a machine behind the snapshot is refused", func(t *testing.T) {
		cfg := soloConfig(t.TempDir())
		g := openSolo(t, cfg, &journal{})
		fill(t, g, 3)
		require.NoError(t, g.Snapshot(t.Context()))
		require.NoError(t, g.Close())
		_, err := Open(cfg, &journal{})
		require.ErrorIs(t, err, ErrStateBehind)
	})
	t.Run("a machine ahead of the log is refused", func(t *testing.T) {
		m := &journal{applied: []Command{{Index: 7}}, durable: 1}
		_, err := Open(soloConfig(t.TempDir()), m)
		require.ErrorIs(t, err, ErrLogBehind)
	})
	t.Run("a machine that came back different is refused", func(t *testing.T) {
		m, cfg := &journal{}, soloConfig(t.TempDir())
		g := openSolo(t, cfg, m)
		fill(t, g, 3)
		require.NoError(t, g.Snapshot(t.Context()))
		require.NoError(t, g.Close())
		m = m.reopen()
		m.applied[0].Payload = []byte("bit rot")
		_, err := Open(cfg, m)
		require.ErrorIs(t, err, ErrDiverged)
	})
	t.Run("a damaged reference is refused", func(t *testing.T) {
		m, cfg := &journal{}, soloConfig(t.TempDir())
		g := openSolo(t, cfg, m)
		fill(t, g, 3)
		require.NoError(t, g.Snapshot(t.Context()))
		require.NoError(t, g.Close())
		states, err := filepath.Glob(filepath.Join(cfg.Dir, "snapshots", "*", "state.bin"))
		require.NoError(t, err)
		require.Len(t, states, 1)
		require.NoError(t, os.WriteFile(states[0], make([]byte, referenceFixed), 0o600))
		_, err = Open(cfg, m.reopen())
		require.Error(t, err)
	})
	t.Run("nothing is discarded when persisting fails", func(t *testing.T) {
		m := &journal{persist: func() error { return errors.New("no space left on device") }}
		g := openSolo(t, soloConfig(t.TempDir()), m)
		fill(t, g, 3)
		require.Error(t, g.Snapshot(t.Context()))
		<-g.Failed()
		require.ErrorIs(t, g.Err(), ErrStateMachine)
		require.EqualValues(t, 1, g.Stats().FirstIndex)
	})
}

// growing is a machine that is applied to while it is made durable.
type growing struct {
	*journal
	during func()
}

func (g *growing) Persist(ctx context.Context) (uint64, error) {
	durable, err := g.journal.Persist(ctx)
	g.during()
	return durable, err
}

func TestLoudStops(t *testing.T) {
	// inject appends an entry to the log as another program might have written it, and opens the group.
	inject := func(t *testing.T, data []byte) (*Group, *journal) {
		cfg, m := soloConfig(t.TempDir()), &journal{}
		g := openSolo(t, cfg, m)
		propose(t, g, command("before"))
		last := g.Stats().LastIndex
		term := g.Term()
		require.NoError(t, g.Close())
		s, err := boltstore.Open(cfg.Dir, cfg.LockTimeout)
		require.NoError(t, err)
		require.NoError(t, s.StoreLog(&raft.Log{Index: last + 1, Term: term, Type: raft.LogCommand, Data: data}))
		require.NoError(t, s.Close())
		m = &journal{}
		g, err = Open(cfg, m)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, g.Close()) })
		return g, m
	}
	newer := envelope{Proposal: command("newer")}
	newer.MinReader = ReaderVersion + 1
	ignorable := newer
	ignorable.Flags = FlagIgnorable
	wrongHash := envelope{Proposal: command("stamped"), stamp: checkpoint{index: 1 << 40, hash: 1}}
	damaged := (&envelope{Proposal: command("damaged")}).encode(nil)
	damaged[len(damaged)-1] ^= 1

	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"a damaged entry":             {damaged, ErrEnvelope},
		"an entry for newer programs": {newer.encode(nil), ErrUnreadable},
		"an entry of no bytes":        {nil, ErrEnvelope},
	} {
		t.Run(name+" stops the replica", func(t *testing.T) {
			g, m := inject(t, c.data)
			<-g.Failed()
			require.ErrorIs(t, g.Err(), c.want)
			require.ErrorIs(t, g.Err(), ErrFailed)
			_, _, err := g.Propose(t.Context(), command("after"))
			require.ErrorIs(t, err, ErrFailed)
			require.ErrorIs(t, g.ReadBarrier(t.Context()), ErrFailed)
			require.Equal(t, []string{"before"}, m.payloads())
		})
	}
	for name, e := range map[string]envelope{"an ignorable entry": ignorable, "an unknown state hash": wrongHash} {
		t.Run(name+" does not stop the replica", func(t *testing.T) {
			g, _ := inject(t, e.encode(nil))
			lead(t, g)
			propose(t, g, command("after"))
		})
	}
	t.Run("a machine that panics stops the replica", func(t *testing.T) {
		m := &journal{corrupt: func(*Command) { panic("bug") }}
		g := openSolo(t, soloConfig(t.TempDir()), m)
		_, _, err := g.Propose(t.Context(), command("x"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorIs(t, g.Err(), ErrStateMachine)
	})
	t.Run("replaying to another state stops the replica", func(t *testing.T) {
		cfg := soloConfig(t.TempDir())
		cfg.HashEvery = 4
		g := openSolo(t, cfg, &journal{})
		for i := range 20 {
			propose(t, g, command(fmt.Sprint(i)))
		}
		require.NoError(t, g.Close())
		g, err := Open(cfg, &journal{corrupt: func(c *Command) { c.Payload = append(c.Payload, '!') }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, g.Close()) })
		<-g.Failed()
		require.ErrorIs(t, g.Err(), ErrDiverged)
	})
}
