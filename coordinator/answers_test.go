package coordinator

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
	"sagasu/internal/rediscache"
	"sagasu/internal/rediscache/redistest"
)

// answerCache is a cache of answers, shared by way of Redis if there is an address.
func answerCache(tb testing.TB, localBytes int, addresses ...string) *rediscache.Cache {
	tb.Helper()
	cfg := rediscache.Default()
	cfg.Addresses, cfg.Logger, cfg.Registry = addresses, slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	client, err := rediscache.Open(cfg)
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	cache, err := client.Cache(rediscache.CacheConfig{
		Name: "answer", TTL: time.Minute, LocalBytes: localBytes, MaxValue: 1 << 20,
	})
	require.NoError(tb, err)
	return cache
}

// answeringGateway opens a gateway of the cluster with a cache; nil for none.
func answeringGateway(tb testing.TB, id, gossip string, cache *rediscache.Cache) *Node {
	tb.Helper()
	return clusterNodeWith(tb, id, []string{gossip}, func(cfg *Config) {
		if cache != nil {
			cfg.Answers = cache
		}
	}, state.RoleGateway)
}

func TestGatewaysShareAnswers(t *testing.T) {
	server := redistest.Start(t)
	holder := clusterNode(t, "holder", nil, state.RoleCoordinator, state.RoleShard)
	_, gossip := holder.Addresses()
	one := answeringGateway(t, "one", gossip, answerCache(t, 1<<20, server.Address))
	two := answeringGateway(t, "two", gossip, answerCache(t, 1<<20, server.Address))
	schema, err := api.ParseSchema([]byte(`{"fields":{"text":{"type":"text"}}}`))
	require.NoError(t, err)
	_, err = one.CreateIndex(t.Context(), "papers", schema, api.Layout{Shards: 2, Replicas: 1})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := two.Schema("papers")
		return err == nil
	}, 20*time.Second, time.Millisecond)
	put := func(n *Node, id, text string) string {
		w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":%q,"text":%q}`, id, text))
		require.NoError(t, err)
		results, err := n.Write(t.Context(), "papers", []api.Write{w}, httpapi.WriteOptions{})
		require.NoError(t, err)
		return results[0].Sequence
	}
	search := func(n *Node, sequence ...string) *api.SearchResponse {
		req, err := api.ParseSearchRequest(&schema, []byte(`{"query":"earthquake","size":50}`))
		require.NoError(t, err)
		req.Sequence = sequence
		answer, err := n.Search(t.Context(), "papers", req)
		require.NoError(t, err)
		require.Empty(t, answer.Degraded)
		return answer
	}
	// cached searches until the answer is a known one.
	cached := func(n *Node) *api.SearchResponse {
		var answer *api.SearchResponse
		require.Eventually(t, func() bool { answer = search(n); return answer.Cached }, 20*time.Second, 20*time.Millisecond)
		return answer
	}
	for i := range 10 {
		put(one, fmt.Sprint(i), strings.Repeat("early earthquake warning ", i+1))
	}
	first, second := cached(one), cached(two)
	require.Equal(t, first.Hits, second.Hits)
	require.Len(t, first.Hits, 10)
	for i := range 5 {
		// Who wrote sees it, and so does who has the token, wherever.
		sequence := put(one, fmt.Sprint("new ", i), "earthquake")
		require.Len(t, search(one).Hits, 11+i)
		require.Len(t, search(two, sequence).Hits, 11+i)
	}
	require.Len(t, cached(one).Hits, 15)
	require.Len(t, cached(two).Hits, 15)
	require.NoError(t, server.Kill())
	put(two, "last", "earthquake")
	require.Len(t, cached(two).Hits, 16)
}

// BenchmarkAnswers measures what a cache of answers costs a search that it does not know, and saves one that it does:
// no cache, one in the process, one in Redis alone; shards of this node, and of another one. %known tells whether all
// went as planned.
func BenchmarkAnswers(b *testing.B) {
	server := redistest.Start(b)
	holder := clusterNode(b, "holder", nil, state.RoleCoordinator, state.RoleShard)
	_, gossip := holder.Addresses()
	caches := map[string]*rediscache.Cache{
		"none": nil, "local": answerCache(b, 64<<20), "redis": answerCache(b, 0, server.Address),
	}
	schema := benchSchema(b)
	for _, kind := range []string{"none", "local", "redis"} {
		alone := clusterNodeWith(b, "alone-"+kind, nil, func(cfg *Config) {
			if caches[kind] != nil {
				cfg.Answers = caches[kind]
			}
		}, state.RoleCoordinator, state.RoleShard, state.RoleGateway)
		nodes := map[string]*Node{"local": alone, "remote": answeringGateway(b, "gateway-"+kind, gossip, caches[kind])}
		for _, where := range []string{"local", "remote"} {
			for _, shards := range []int{1, 4} {
				n, index := nodes[where], fmt.Sprintf("papers-%d", shards)
				fillForAnswers(b, n, index, schema, shards)
				for _, known := range []bool{false, true} {
					if known && kind == "none" {
						continue
					}
					name := fmt.Sprintf("%s/%d %s/known=%v", kind, shards, where, known)
					b.Run(name, func(b *testing.B) { benchAnswers(b, n, index, schema, known) })
				}
			}
		}
	}
}

func fillForAnswers(b *testing.B, n *Node, index string, schema api.Schema, shards int) {
	b.Helper()
	if _, err := n.Schema(index); err == nil {
		return
	}
	_, err := n.CreateIndex(b.Context(), index, schema, api.Layout{Shards: shards, Replicas: 1})
	require.NoError(b, err)
	for at := range 20 {
		var writes []api.Write
		for i := range 250 {
			text := fmt.Sprintf("%s term%d", strings.Repeat(fmt.Sprintf("early earthquake warning %d ", i%97), 40), at*250+i)
			w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":"%d-%d","text":%q}`, at, i, text))
			require.NoError(b, err)
			writes = append(writes, w)
		}
		_, err = n.Write(b.Context(), index, writes, httpapi.WriteOptions{})
		require.NoError(b, err)
	}
}

func benchAnswers(b *testing.B, n *Node, index string, schema api.Schema, known bool) {
	request := func(i int) *api.SearchRequest {
		req, err := api.ParseSearchRequest(&schema, fmt.Appendf(nil, `{"query":"earthquake %d term%d","size":10}`, i%97, i))
		require.NoError(b, err)
		return req
	}
	// The index has to be seen at rest.
	deadline := time.Now().Add(1500 * time.Millisecond)
	for i := 0; time.Now().Before(deadline) || known; i++ {
		answer, err := n.Search(b.Context(), index, request(1_000_000))
		require.NoError(b, err)
		if answer.Cached {
			break
		}
	}
	var took []time.Duration
	i, found := 0, 0
	for b.Loop() {
		req := request(1_000_000)
		if !known {
			i++
			req = request(i)
		}
		start := time.Now()
		answer, err := n.Search(b.Context(), index, req)
		took = append(took, time.Since(start))
		require.NoError(b, err)
		if answer.Cached {
			found++
		}
		require.Len(b, answer.Hits, 10)
	}
	b.ReportMetric(100*float64(found)/float64(len(took)), "%known")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
}
