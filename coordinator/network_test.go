package coordinator

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
)

func TestNetworkBeforeMetadata(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Roles = []state.Role{state.RoleGateway}
	cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0"}
	n := &Node{cfg: cfg, started: cfg.Now()}
	n.who.Store(&identity{ID: "g1", Instance: "1"})
	require.NoError(t, n.openNetwork())
	// A follower of the metadata asks for the coordinators before it is the node's metadata.
	require.Empty(t, n.net.coordinators())
	_, ok := n.net.resolve("c1")
	require.False(t, ok)
	require.NoError(t, n.net.close())
}

func TestAdvertiseHost(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Roles = []state.Role{state.RoleGateway}
	cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0", AdvertiseHost: "127.0.1.1"}
	n := &Node{cfg: cfg, started: cfg.Now()}
	n.who.Store(&identity{ID: "g1", Instance: "1"})
	require.NoError(t, n.openNetwork())
	for _, addr := range []string{n.net.gossip.Addr(), n.registration().RPCAddr} {
		host, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		require.Equal(t, "127.0.1.1", host)
		require.NotEqual(t, "0", port)
	}
	require.NoError(t, n.net.close())
}
