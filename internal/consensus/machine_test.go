package consensus

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// journal is a machine that remembers every command; its durable part survives reopen.
type journal struct {
	mu      sync.Mutex
	applied []Command
	durable int // commands made durable
	persist func() error
	corrupt func(*Command) // changes what this replica sees
}

func (j *journal) Apply(cmds []Command) []any {
	j.mu.Lock()
	defer j.mu.Unlock()
	results := make([]any, len(cmds))
	for i, cmd := range cmds {
		cmd.Payload = append([]byte(nil), cmd.Payload...)
		if j.corrupt != nil {
			j.corrupt(&cmd)
		}
		j.applied = append(j.applied, cmd)
		results[i] = fmt.Sprintf("%d:%s", len(j.applied), cmd.Payload)
	}
	return results
}

func (j *journal) AppliedIndex() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.indexOf(j.durable)
}

func (j *journal) indexOf(n int) uint64 {
	if n == 0 {
		return 0
	}
	return j.applied[n-1].Index
}

func (j *journal) Persist(context.Context) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.persist != nil {
		if err := j.persist(); err != nil {
			return 0, err
		}
	}
	j.durable = len(j.applied)
	return j.indexOf(j.durable), nil
}

func (j *journal) Hash() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	sum := fnv.New64a()
	for _, cmd := range j.applied {
		fmt.Fprintf(sum, "%d %s\n", cmd.Index, cmd.Payload)
	}
	return sum.Sum64()
}

// reopen is the machine after a crash: only what was durable is left.
func (j *journal) reopen() *journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &journal{applied: append([]Command(nil), j.applied[:j.durable]...), durable: j.durable}
}

func (j *journal) payloads() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, cmd := range j.applied {
		all = append(all, string(cmd.Payload))
	}
	return all
}

func command(payload string) Proposal { return Proposal{Type: 1, Version: 1, Payload: []byte(payload)} }

func keyed(key byte, payload string) Proposal {
	p := command(payload)
	p.Key[0] = key
	return p
}

func soloConfig(dir string) Config {
	cfg := Default()
	cfg.ID, cfg.Dir, cfg.Group, cfg.Bootstrap = "a", dir, "test", true
	cfg.LockTimeout = 20 * time.Millisecond
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg
}

// lead waits until the group leads.
func lead(t testing.TB, g *Group) {
	t.Helper()
	for !g.IsLeader() {
		select {
		case <-g.LeaderChanges():
		case <-g.Failed():
			require.NoError(t, g.Err())
		}
	}
}

func openSolo(t testing.TB, cfg Config, m StateMachine) *Group {
	t.Helper()
	g, err := Open(cfg, m)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	lead(t, g)
	return g
}

func propose(t testing.TB, g *Group, p Proposal) (any, uint64) {
	t.Helper()
	result, index, err := g.Propose(t.Context(), p)
	require.NoError(t, err)
	return result, index
}

// cluster is three replicas over in-memory transports.
type cluster struct {
	t          testing.TB
	configs    []Config
	machines   []*journal
	transports []*raft.InmemTransport
	groups     []*Group
}

func newCluster(t testing.TB, change func(i int, cfg *Config)) *cluster {
	c := &cluster{t: t}
	var members []Member
	for i := range 3 {
		id := fmt.Sprintf("n%d", i)
		_, tr := raft.NewInmemTransport(raft.ServerAddress(id + ":1"))
		c.transports = append(c.transports, tr)
		members = append(members, Member{ID: id, Address: id + ":1"})
		c.machines = append(c.machines, &journal{})
	}
	for i := range 3 {
		cfg := soloConfig(t.TempDir())
		cfg.ID, cfg.Address, cfg.Transport, cfg.Members = members[i].ID, members[i].Address, c.transports[i], members
		if change != nil {
			change(i, &cfg)
		}
		c.configs = append(c.configs, cfg)
	}
	for i := range 3 {
		c.connect(i)
	}
	for i := range 3 {
		g, err := Open(c.configs[i], c.machines[i])
		require.NoError(t, err)
		c.groups = append(c.groups, g)
	}
	return c
}

func (c *cluster) connect(i int) {
	for j, other := range c.transports {
		if j != i {
			c.transports[i].Connect(other.LocalAddr(), other)
			other.Connect(c.transports[i].LocalAddr(), c.transports[i])
		}
	}
}

func (c *cluster) isolate(i int) {
	for j, other := range c.transports {
		if j != i {
			c.transports[i].Disconnect(other.LocalAddr())
			other.Disconnect(c.transports[i].LocalAddr())
		}
	}
}

// leader waits for a leader other than the excluded one.
func (c *cluster) leader(except int) int {
	c.t.Helper()
	for {
		for i, g := range c.groups {
			if i != except && g.IsLeader() {
				return i
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *cluster) close() {
	for _, g := range c.groups {
		require.NoError(c.t, g.Close())
	}
}

// await polls for a condition that must come about; the test's own deadline bounds it.
func await(t testing.TB, met func() bool) {
	t.Helper()
	for !met() {
		require.NoError(t, t.Context().Err())
		time.Sleep(5 * time.Millisecond)
	}
}
