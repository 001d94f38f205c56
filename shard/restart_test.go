package shard

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/shard/rpc"
)

// Whoever is elected first after a restart of all has everything in its log and has applied nothing. A follower must
// not take that for all there is.
func TestReadsAfterRestartOfAll(t *testing.T) {
	nodes := []string{"a", "b", "c"}
	c := newCluster(t, nodes...)
	c.place(papers, nodes...)
	const entries, each = 8, 400
	for i := range entries {
		documents := make([]api.Write, each)
		for j := range documents {
			documents[j] = put(fmt.Sprintf("%d-%d", i, j), "early warning of earthquakes")
		}
		c.write(papers, documents...)
	}
	const all = entries * each
	dirs := map[string]string{}
	for _, node := range nodes {
		dirs[node] = c.stop(node)
	}
	for _, node := range nodes {
		c.start(node, dirs[node])
	}
	for _, node := range nodes {
		await(t, node+" leads or follows", func() bool {
			info, _, err := c.at(node, papers).Info(testContext(t), rpc.Call{Shard: papers})
			require.NoError(t, err)
			follows := info.Failed == "" && info.Leader != "" && !info.LeaderHere
			require.False(t, follows && info.Documents != all, "%s says that it follows with %d documents", node, info.Documents)
			return follows || info.LeaderHere
		})
		require.Equal(t, all, c.count(node, papers, 0), "node %s lacks what was acknowledged", node)
	}
}
