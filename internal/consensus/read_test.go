package consensus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

func TestReadBarrier(t *testing.T) {
	t.Run("a leader that lost its majority without noticing serves no read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, func(i int, cfg *Config) {
				if i == 0 { // would lead for an hour without hearing of anyone
					cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLease = time.Hour, time.Hour, time.Hour
				}
			})
			first := c.leader(-1)
			to := raft.ServerID(c.configs[0].ID)
			require.NoError(t, c.groups[first].raft.LeadershipTransferToServer(to, c.transports[0].LocalAddr()).Error())
			require.Zero(t, c.leader(first))
			propose(t, c.groups[0], command("old"))
			c.isolate(0)
			next := c.leader(0)
			propose(t, c.groups[next], command("new"))
			require.True(t, c.groups[0].IsLeader(), "it must still believe to lead")

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.Error(t, c.groups[0].ReadBarrier(ctx))
			c.connect(0)
			time.Sleep(time.Minute)
			c.close()
			time.Sleep(time.Minute)
		})
	})
	t.Run("a read waits for what is committed and not yet applied", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			m := &journal{corrupt: func(*Command) { <-release }}
			g, err := Open(soloConfig(t.TempDir()), m)
			require.NoError(t, err)
			lead(t, g)
			before := g.Stats().CommitIndex
			written, read := make(chan error, 1), make(chan error, 1)
			go func() {
				_, _, err := g.Propose(t.Context(), command("x"))
				written <- err
			}()
			await(t, func() bool { return g.Stats().CommitIndex > before })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, g.ReadBarrier(ctx), context.DeadlineExceeded)
			go func() { read <- g.ReadBarrier(t.Context()) }()
			close(release)
			require.NoError(t, <-read)
			require.Equal(t, []string{"x"}, m.payloads())
			require.NoError(t, <-written)
			require.NoError(t, g.Close())
			time.Sleep(time.Minute)
		})
	})
	t.Run("readiness of an earlier term does not count", func(t *testing.T) {
		g := openSolo(t, soloConfig(t.TempDir()), &journal{})
		g.ready.Store(&readiness{term: g.Term() - 1, index: 1})
		require.False(t, g.IsLeader())
		require.ErrorIs(t, g.ReadBarrier(t.Context()), ErrNotLeader)
	})
}
