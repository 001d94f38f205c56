package consensus

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/consensus/boltstore"
)

// Two of three voters are destroyed; the third goes on alone, with its data, and takes new replicas.
func TestRecover(t *testing.T) {
	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprintf("compacted %v", compacted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t, func(_ int, cfg *Config) { cfg.TrailingLogs = 1 })
				for i := range 10 {
					propose(t, m.groups[m.leader(-1)], command(fmt.Sprint(i)))
				}
				survivor := m.leader(-1)
				m.settle()
				want := m.machines[survivor].payloads()
				if compacted {
					require.NoError(t, m.groups[survivor].Snapshot(t.Context()))
				}
				last := m.groups[survivor].Stats().LastIndex
				for i := range m.groups {
					m.web.isolate(m.configs[i].ID, true)
				}
				m.close()

				cfg := m.configs[survivor]
				report, err := Recover(cfg, []string{cfg.ID})
				require.NoError(t, err)
				require.Equal(t, last, report.LastIndex)
				require.Len(t, report.Before, 3)
				require.Equal(t, []Server{{ID: cfg.ID, Voter: true}}, report.After)
				require.Greater(t, report.Term, report.LastTerm)
				require.Equal(t, compacted, report.Uncertain() < 10, report.String())

				machine := &journal{}
				if compacted {
					machine = m.machines[survivor].reopen()
				}
				g, err := Open(cfg, machine)
				require.NoError(t, err)
				lead(t, g)
				require.NoError(t, g.ReadBarrier(t.Context()))
				require.Equal(t, want, machine.payloads())
				propose(t, g, command("alone"))

				m.web.isolate(cfg.ID, false)
				joiner, other := meshConfig(m.web, t.TempDir(), "n9"), &journal{}
				joiner.RestoreDir = filepath.Join(joiner.Dir, "restore")
				n, err := Open(joiner, other)
				require.NoError(t, err)
				require.NoError(t, g.AddNonvoter(t.Context(), "n9"))
				if !compacted { // else it would have to fetch
					await(t, func() bool {
						behind, err := g.CaughtUp(t.Context(), "n9")
						return err == nil && behind == 0
					})
					require.NoError(t, g.Promote(t.Context(), "n9"))
					propose(t, g, command("together"))
					require.Equal(t, append(want, "alone"), other.payloads()[:11])
				}
				require.NoError(t, n.Close())
				require.NoError(t, g.Close())
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestRecoverRefuses(t *testing.T) {
	w := newWeb()
	cfg := meshConfig(w, t.TempDir(), "a", "a")
	_, err := Recover(cfg, []string{"a"})
	require.ErrorIs(t, err, ErrNothingToRecover)
	g := openSolo(t, cfg, &journal{})
	_, err = Recover(cfg, []string{"a"})
	require.ErrorIs(t, err, boltstore.ErrLocked)
	require.NoError(t, g.Close())
	_, err = Recover(cfg, []string{"b"})
	require.ErrorIs(t, err, ErrInvalidConfig)
	t.Run("a directory of a lone replica can be given a node's name", func(t *testing.T) {
		m, cfg := &journal{}, soloConfig(t.TempDir())
		g := openSolo(t, cfg, m)
		propose(t, g, command("old"))
		require.NoError(t, g.Close())
		renamed := meshConfig(w, cfg.Dir, "node-1")
		report, err := Recover(renamed, []string{"node-1"})
		require.NoError(t, err)
		require.Equal(t, []Server{{ID: "a", Voter: true}}, report.Before)
		g = openSolo(t, renamed, &journal{})
		propose(t, g, command("new"))
		require.Equal(t, []Server{{ID: "node-1", Voter: true}}, g.Servers())
	})
}
