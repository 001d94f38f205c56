package consensus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A replica whose machine is damaged gets the machine of another one, which is ahead of its own log. What the log
// lacks comes from the leader and is not applied again.
func TestAdvance(t *testing.T) {
	for name, c := range map[string]struct{ own, others bool }{
		"its log and the leader's are whole":      {false, false},
		"its log was cut":                         {true, false},
		"the leader's log no longer has the rest": {true, true},
		"only the leader's log was cut":           {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t, func(_ int, cfg *Config) { cfg.TrailingLogs, cfg.HashEvery = 1, 16 })
				at := (m.leader(-1) + 1) % 3
				write := func(n int) {
					for i := range n {
						propose(t, m.groups[m.leader(-1)], command(fmt.Sprint(i)))
					}
				}
				propose(t, m.groups[m.leader(-1)], keyed(7, "early"))
				write(20)
				m.settle()
				if c.own {
					require.NoError(t, m.groups[at].Snapshot(t.Context()))
				}
				own := m.groups[at].Stats()
				require.NoError(t, m.groups[at].Close())
				write(20)
				propose(t, m.groups[m.leader(at)], keyed(9, "missed"))
				write(3)
				last := m.groups[m.leader(at)].AppliedIndex()
				for i, g := range m.groups {
					await(t, func() bool { return i == at || g.AppliedIndex() >= last })
					if c.others && i != at {
						require.NoError(t, g.Snapshot(t.Context()))
					}
				}

				cfg, source := m.configs[at], m.machines[(at+1)%3]
				needs, err := Needs(cfg)
				require.NoError(t, err)
				require.Equal(t, c.own, needs > 0)
				require.LessOrEqual(t, needs, own.LastIndex)
				_, err = source.Persist(t.Context())
				require.NoError(t, err)
				copied := source.reopen()
				require.Greater(t, copied.AppliedIndex(), own.LastIndex)
				_, err = Open(cfg, copied)
				require.ErrorIs(t, err, ErrLogBehind)
				require.NoError(t, Advance(cfg, copied.AppliedIndex()))
				require.NoError(t, Advance(cfg, copied.AppliedIndex()))
				_, err = Recover(cfg, []string{cfg.ID})
				require.ErrorIs(t, err, ErrLogBehind, "new entries would have indexes that the machine has already")

				m.machines[at] = copied
				m.groups[at], err = Open(cfg, copied)
				require.NoError(t, err)
				write(5)
				m.settle()
				require.NoError(t, m.groups[at].Err())
				want := m.machines[(at+1)%3].payloads()
				require.Equal(t, want, copied.payloads())
				require.NoError(t, m.groups[m.leader(at)].TransferLeadershipTo(t.Context(), cfg.ID))
				require.Equal(t, at, m.leader(-1))
				for key, payload := range map[byte]string{7: "early", 9: "missed"} {
					_, _, err = m.groups[at].Propose(t.Context(), keyed(key, payload))
					require.ErrorIs(t, err, ErrDuplicate)
				}
				write(3)
				m.settle()
				require.NoError(t, m.groups[at].Snapshot(t.Context()))
				m.close()
				time.Sleep(time.Minute)
				g, err := Open(cfg, copied.reopen())
				require.NoError(t, err)
				require.NoError(t, g.Close())
				time.Sleep(time.Minute)
			})
		})
	}
	t.Run("a replica that is not there yet needs nothing", func(t *testing.T) {
		dir := t.TempDir()
		cfg := soloConfig(dir)
		cfg.Dir += "/missing"
		needs, err := Needs(cfg)
		require.NoError(t, err)
		require.Zero(t, needs)
		require.NoDirExists(t, cfg.Dir)
	})
}

// Another replica's machine may lack what the newest snapshot stands for: the replica goes back to an older one, if its
// log has what follows.
func TestAdvanceBack(t *testing.T) {
	for name, c := range map[string]struct {
		trailing  uint64
		snapshots int
		ok        bool
	}{
		"to an older snapshot":                         {1000, 2, true},
		"to the beginning of the log":                  {1000, 1, true},
		"not where the log was cut":                    {1, 2, false},
		"to the beginning, as older ones are not kept": {1000, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, m := soloConfig(t.TempDir()), &journal{}
			cfg.TrailingLogs, cfg.SnapshotThreshold, cfg.HashEvery = c.trailing, 1000, 16
			g := openSolo(t, cfg, m)
			write := func(n int) {
				for i := range n {
					propose(t, g, keyed(byte(i+1), fmt.Sprint(i)))
				}
			}
			write(7)
			if c.snapshots > 1 {
				require.NoError(t, g.Snapshot(t.Context()))
			}
			write(5)
			_, err := m.Persist(t.Context())
			require.NoError(t, err)
			other := m.reopen() // is that far
			for range max(1, c.snapshots-1) {
				write(9)
				require.NoError(t, g.Snapshot(t.Context()))
			}
			write(3)
			require.NoError(t, g.Close())
			want := m.payloads()

			needs, err := Needs(cfg)
			require.NoError(t, err)
			require.Greater(t, needs, other.AppliedIndex())
			floor, err := Floor(cfg)
			require.NoError(t, err)
			_, err = Open(cfg, other.reopen())
			require.ErrorIs(t, err, ErrStateBehind)
			err = Advance(cfg, other.AppliedIndex())
			if !c.ok {
				require.Greater(t, floor, other.AppliedIndex())
				require.ErrorIs(t, err, ErrStateBehind)
				g = openSolo(t, cfg, m.reopen()) // nothing has changed
				require.NoError(t, g.Close())
				return
			}
			require.LessOrEqual(t, floor, other.AppliedIndex())
			require.NoError(t, err)
			require.NoError(t, Advance(cfg, other.AppliedIndex()))
			g = openSolo(t, cfg, other)
			require.NoError(t, g.ReadBarrier(t.Context()))
			require.Equal(t, want, other.payloads())
			_, _, err = g.Propose(t.Context(), keyed(1, "again"))
			require.ErrorIs(t, err, ErrDuplicate, "keys are those of the log")
			require.NoError(t, g.Snapshot(t.Context()))
			require.NoError(t, g.Close())
			g = openSolo(t, cfg, other.reopen())
			require.NoError(t, g.Close())
		})
	}
}
