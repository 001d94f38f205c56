package coordinator

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
)

// TestLaggingCoordinator lets a coordinator miss more than the log of the others reaches back: it is given their
// state, and goes on from it.
func TestLaggingCoordinator(t *testing.T) {
	const waiting, every = 20 * time.Second, 10 * time.Millisecond
	configs := map[string]Config{}
	nodes := map[string]*Node{}
	open := func(id string, join []string, expect int) {
		cfg, known := configs[id]
		if !known {
			cfg = testConfig(t.TempDir())
		}
		cfg.Registry = testConfig("").Registry
		cfg.ID, cfg.Roles, cfg.TrailingLogs = id, []state.Role{state.RoleCoordinator}, 5
		cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0", Join: join, Expect: expect}
		n, err := Open(testContext(t), cfg)
		require.NoError(t, err)
		configs[id], nodes[id] = cfg, n
	}
	open("a", nil, 1)
	_, gossip := nodes["a"].Addresses()
	open("b", []string{gossip}, 0)
	open("c", []string{gossip}, 0)
	defer func() {
		for _, n := range nodes {
			require.NoError(t, n.Close())
		}
	}()
	require.Eventually(t, func() bool {
		voters := 0
		for _, s := range nodes["a"].meta.group().Servers() {
			if s.Voter {
				voters++
			}
		}
		return voters == 3
	}, waiting, every, "both get a vote")

	require.NoError(t, nodes["c"].Close())
	delete(nodes, "c")
	for i := range 40 {
		require.NoError(t, nodes["b"].PutSetting(testContext(t), state.SettingRebuildGrace, fmt.Sprint(i)))
	}
	for _, id := range []string{"a", "b"} {
		require.NoError(t, nodes[id].meta.group().Snapshot(testContext(t)))
	}
	open("c", []string{gossip}, 0)
	require.Eventually(t, func() bool {
		return nodes["c"].meta.View().Setting(state.SettingRebuildGrace) == "39"
	}, waiting, every, "it has what it missed")
	require.NoError(t, nodes["c"].PutSetting(testContext(t), state.SettingRebuildGrace, "77"))
	require.Eventually(t, func() bool {
		return nodes["c"].meta.View().Setting(state.SettingRebuildGrace) == "77"
	}, waiting, every)
	require.NoError(t, nodes["c"].Ready(testContext(t)))
}
