package shard

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
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
	dirs := map[string]string{}
	for _, node := range nodes {
		dirs[node] = c.stop(node)
	}
	for _, node := range nodes {
		c.start(node, dirs[node])
	}
	for _, node := range nodes {
		require.Equal(t, entries*each, c.count(node, papers, 0), "node %s lacks what was acknowledged", node)
	}
}
