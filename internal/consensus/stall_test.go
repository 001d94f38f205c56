package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// Issues 503 and 612: the leader's disk hangs. Time is virtual.

func TestStalledDiskStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers []raft.Server
		var transports []*raft.InmemTransport
		for i := range 3 {
			id := string(rune('a' + i))
			servers = append(servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
			transports = append(transports, newInmem(id))
		}
		disks, rafts := make([]*gate, 3), make([]*raft.Raft, 3)
		for i := range 3 {
			for j := range 3 {
				if i != j {
					transports[i].Connect(servers[j].Address, transports[j])
				}
			}
			c := raft.DefaultConfig()
			c.LocalID, c.Logger = servers[i].ID, hclog.NewNullLogger()
			disks[i] = &gate{store: memory{raft.NewInmemStore()}}
			files := raft.NewInmemSnapshotStore()
			require.NoError(t, raft.BootstrapCluster(c, disks[i], disks[i], files, transports[i],
				raft.Configuration{Servers: servers}))
			var err error
			rafts[i], err = raft.NewRaft(c, accepting{}, disks[i], disks[i], files, transports[i])
			require.NoError(t, err)
		}
		leader := -1
		for leader < 0 {
			time.Sleep(50 * time.Millisecond)
			for i, r := range rafts {
				if r.VerifyLeader().Error() == nil {
					leader = i
				}
			}
		}
		term := rafts[leader].CurrentTerm()
		disks[leader].close()
		go rafts[leader].Apply([]byte("hangs"), 0)
		<-disks[leader].reached
		time.Sleep(time.Hour)
		for _, r := range rafts {
			require.Equal(t, term, r.CurrentTerm(), "for an hour no one else is elected")
		}
		close(disks[leader].shut)
		for _, r := range rafts {
			require.NoError(t, r.Shutdown().Error())
		}
		time.Sleep(time.Minute) // raft's timers
	})
}

func TestStalledDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disks := make([]*gate, 3)
		c := newCluster(t, func(i int, cfg *Config) {
			disks[i] = &gate{store: memory{raft.NewInmemStore()}}
			cfg.openStore = func(string, time.Duration) (store, error) { return disks[i], nil }
		})
		stalled := c.leader(-1)
		propose(t, c.groups[stalled], command("before"))
		disks[stalled].close()
		answer := make(chan error)
		go func() {
			_, _, err := c.groups[stalled].Propose(t.Context(), command("hangs"))
			answer <- err
		}()
		<-disks[stalled].reached
		<-c.groups[stalled].Failed()
		require.ErrorIs(t, c.groups[stalled].Err(), ErrDiskStalled)
		failed := time.Now()
		require.ErrorIs(t, <-answer, ErrUnknownOutcome)
		next := c.leader(stalled)
		// By themselves the others would wait for HeartbeatTimeout, 3 s of this virtual time, less a heartbeat.
		require.Less(t, time.Since(failed), time.Second, "leadership must have been handed over")
		require.ErrorIs(t, c.groups[stalled].Close(), ErrDiskStalled)
		propose(t, c.groups[next], command("after"))
		require.Equal(t, []string{"before", "after"}, c.machines[next].payloads())
		close(disks[stalled].shut) // the late write must not be acknowledged, and ends raft's loop
		time.Sleep(time.Minute)
		require.Equal(t, []string{"before"}, c.machines[stalled].payloads())
		for i, g := range c.groups {
			if i != stalled {
				require.NoError(t, g.Close())
			}
		}
		time.Sleep(time.Minute)
	})
}

func TestDivergedReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, func(_ int, cfg *Config) {
			cfg.HashEvery = 8
			cfg.openStore = func(string, time.Duration) (store, error) { return memory{raft.NewInmemStore()}, nil }
		})
		leader := c.leader(-1)
		odd := (leader + 1) % 3
		c.machines[odd].mu.Lock()
		c.machines[odd].corrupt = func(cmd *Command) { cmd.Payload = append(cmd.Payload, '!') }
		c.machines[odd].mu.Unlock()
		for c.groups[odd].Err() == nil {
			propose(t, c.groups[leader], command("x"))
			time.Sleep(time.Millisecond)
		}
		require.ErrorIs(t, c.groups[odd].Err(), ErrDiverged)
		propose(t, c.groups[leader], command("the others go on"))
		c.close()
		time.Sleep(time.Minute)
	})
}

func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		old := c.leader(-1)
		propose(t, c.groups[old], command("1"))
		c.isolate(old)
		_, _, err := c.groups[old].Propose(t.Context(), command("lost"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
		next := c.leader(old)
		require.ErrorIs(t, c.groups[old].ReadBarrier(t.Context()), ErrNotLeader)
		propose(t, c.groups[next], command("2"))
		c.connect(old)
		time.Sleep(time.Minute)
		require.NoError(t, c.groups[c.leader(-1)].ReadBarrier(t.Context()))
		for _, m := range c.machines {
			require.Equal(t, []string{"1", "2"}, m.payloads())
		}
		c.close()
		time.Sleep(time.Minute)
	})
}
