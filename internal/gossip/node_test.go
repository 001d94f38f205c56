package gossip

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if id := os.Getenv("GOSSIP_TEST_NODE"); id != "" {
		runNode(id)
		return
	}
	code := m.Run()
	// memberlist does not wait for a probe under way when it shuts down; it ends by itself within two seconds.
	leak := goleak.Find()
	for range 5 {
		if leak == nil {
			break
		}
		leak = goleak.Find()
	}
	if leak != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
}

// quick gives a configuration on loopback with short intervals.
func quick(id string, seeds ...string) Config {
	cfg := Default()
	cfg.ID, cfg.BindAddr, cfg.Logger = id, "127.0.0.1:0", slog.New(slog.DiscardHandler)
	cfg.ProbeInterval, cfg.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	cfg.GossipInterval, cfg.SyncInterval = 20*time.Millisecond, time.Second
	cfg.Meta = Meta{Instance: "instance-" + id, Roles: []string{"shard"}}
	if len(seeds) > 0 {
		cfg.Join = func() ([]string, error) { return seeds, nil }
	}
	return cfg
}

func start(t *testing.T, cfg Config) *Gossip {
	t.Helper()
	g, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

// await waits until a condition on what g knows holds.
func await(t *testing.T, g *Gossip, what string, ok func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		changed := g.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(t, "waited in vain", "%s; members %+v, conflicts %+v, join %v",
				what, g.Members(), g.Conflicts(), g.JoinError())
		}
	}
}

// sees waits until g sees a member in a state.
func sees(t *testing.T, g *Gossip, id string, status Status) Member {
	t.Helper()
	await(t, g, id+" is "+status.String(), func() bool {
		m, ok := g.Member(id)
		return ok && m.Status == status
	})
	m, _ := g.Member(id)
	return m
}

// conflicted waits until g has a conflict of a kind.
func conflicted(t *testing.T, g *Gossip, kind ConflictKind) Conflict {
	t.Helper()
	var found Conflict
	await(t, g, string(kind), func() bool {
		for _, c := range g.Conflicts() {
			if c.Kind == kind {
				found = c
				return true
			}
		}
		return false
	})
	return found
}
