package coordinator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// A coordinator has read nothing of its log when it begins to serve, and says of no index that there is none.
func TestIndexesAfterRestart(t *testing.T) {
	c := newCluster(t, "a")
	_, err := c.nodes["a"].CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Replicas: 1})
	require.NoError(t, err)
	c.write("a", "papers", 0, 3)
	restart := func() *Node {
		c.close("a")
		cfg := testConfig(c.dirs["a"])
		cfg.ID, cfg.Version = "a", "test"
		cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0", Expect: 1}
		n, err := Open(testContext(t), cfg)
		require.NoError(t, err)
		c.nodes["a"] = n
		return n
	}
	t.Run("an index is there at once", func(t *testing.T) {
		_, err := restart().Schema("papers")
		require.NoError(t, err)
	})
	t.Run("and listed", func(t *testing.T) {
		list, err := restart().ListIndexes(testContext(t))
		if err != nil { // its documents can't be counted before the replica is open
			require.ErrorIs(t, err, api.ErrUnavailable)
			return
		}
		require.Len(t, list, 1)
	})
	t.Run("a document is found", func(t *testing.T) {
		_, err := restart().Get(testContext(t), "papers", "d1")
		require.NoError(t, err)
	})
	t.Run("what does not exist is not found", func(t *testing.T) {
		_, err := restart().Schema("notes")
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})
}
