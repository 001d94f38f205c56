package coordinator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
)

// BenchmarkRouting measures a search of 8 shards of a few documents on another node: what is left is asking
// them, over real sockets in one process. The percentiles are those of the lexical leg.
func BenchmarkRouting(b *testing.B) {
	holder := clusterNode(b, "holder", nil, state.RoleCoordinator, state.RoleShard)
	_, gossip := holder.Addresses()
	gateway := clusterNode(b, "gateway", []string{gossip}, state.RoleGateway)
	for _, shards := range []int{1, 8} {
		index := fmt.Sprintf("papers-%d", shards)
		_, err := gateway.CreateIndex(b.Context(), index, benchSchema(b), api.Layout{Shards: shards, Replicas: 1})
		require.NoError(b, err)
		schema := benchSchema(b)
		for i := range 64 {
			w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":"%d","text":"early earthquake warning"}`, i))
			require.NoError(b, err)
			_, err = gateway.Write(b.Context(), index, []api.Write{w}, httpapi.WriteOptions{})
			require.NoError(b, err)
		}
		req, err := api.ParseSearchRequest(&schema, []byte(`{"query":"earthquake warning","size":10}`))
		require.NoError(b, err)
		b.Run(fmt.Sprintf("%d shards", shards), func(b *testing.B) {
			var took []float64
			for b.Loop() {
				answer, err := gateway.Search(b.Context(), index, req)
				require.NoError(b, err)
				require.Empty(b, answer.Degraded)
				took = append(took, 1000*answer.TimingsMS.Sparse)
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2], "p50-µs")
			b.ReportMetric(took[len(took)*95/100], "p95-µs")
		})
	}
}

func benchSchema(b *testing.B) api.Schema {
	b.Helper()
	schema, err := api.ParseSchema([]byte(`{"fields":{"text":{"type":"text"}}}`))
	require.NoError(b, err)
	return schema
}

// clusterNode opens a node of a cluster on loopback; without addresses to join it founds one.
func clusterNode(tb testing.TB, id string, join []string, roles ...state.Role) *Node {
	tb.Helper()
	return clusterNodeWith(tb, id, join, nil, roles...)
}

// clusterNodeWith is clusterNode with a configuration that is changed before; change may be nil.
func clusterNodeWith(tb testing.TB, id string, join []string, change func(*Config), roles ...state.Role) *Node {
	tb.Helper()
	cfg := testConfig(tb.TempDir())
	if change != nil {
		change(&cfg)
	}
	cfg.ID, cfg.Roles = id, roles
	cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0", Join: join}
	if join == nil {
		cfg.Cluster.Expect = 1
	}
	n, err := Open(tb.Context(), cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, n.Close()) })
	require.Eventually(tb, func() bool { return n.Ready(tb.Context()) == nil }, 20*time.Second, 5*time.Millisecond)
	return n
}
