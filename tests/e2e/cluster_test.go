package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/bench/quality"
	"sagasu/tests/cluster"
)

// settle is how long after the last write the statistics of an index may be old.
const settle = 1100 * time.Millisecond

// startCluster starts a cluster on loopback. Its data and logs are kept if the test fails.
func startCluster(t *testing.T, coordinators, shards, gateways int) *cluster.Cluster {
	t.Helper()
	return startClusterWith(t, func(cfg *cluster.Config) {
		cfg.Coordinators, cfg.Shards, cfg.Gateways = coordinators, shards, gateways
	})
}

// startClusterWith is startCluster with a configuration that a test changes.
func startClusterWith(t *testing.T, change func(*cluster.Config)) *cluster.Cluster {
	t.Helper()
	cfg := cluster.Default()
	cfg.Binary = binary
	change(&cfg)
	var err error
	cfg.Dir, err = os.MkdirTemp("", "sagasu-cluster-") //nolint:usetesting // it outlives a test that fails
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("data and logs of the nodes are kept in", cfg.Dir)
			return
		}
		require.NoError(t, os.RemoveAll(cfg.Dir))
	})
	c, err := cluster.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// request calls a node and gives the status and the answer.
func request(t *testing.T, c *cluster.Cluster, method, url, body string) (int, map[string]any) {
	t.Helper()
	status, data, err := c.Client().Do(t.Context(), method, url, []byte(body))
	require.NoError(t, err)
	answer := map[string]any{}
	if len(data) > 0 {
		require.NoError(t, json.Unmarshal(data, &answer), "%s", data)
	}
	return status, answer
}

// green waits until a node says that the cluster has all it shall have.
func green(t *testing.T, c *cluster.Cluster, n *cluster.Node) {
	t.Helper()
	require.NoError(t, c.WaitGreen(t.Context(), n.URL(), 2*startTimeout))
}

func TestCluster(t *testing.T) {
	c := startCluster(t, 3, 3, 1)
	gateway := c.Node("g1")
	green(t, c, gateway)

	t.Run("every node knows every node", func(t *testing.T) {
		for _, n := range c.Nodes() {
			status, err := c.Client().Status(t.Context(), n.URL())
			require.NoError(t, err)
			require.Equal(t, 7, status.Nodes, "%s: %+v", n.ID(), status)
			require.NotEmpty(t, status.ClusterID)
		}
	})
	t.Run("the layout changes no answer", func(t *testing.T) { layouts(t, c) })
	t.Run("the leader of a shard is killed under load", func(t *testing.T) { killLeader(t, c, gateway) })
	t.Run("it comes back at other addresses", func(t *testing.T) {
		for _, n := range c.Nodes() {
			if !n.Running() {
				require.NoError(t, n.Move())
				require.NoError(t, n.Start())
				require.NoError(t, n.WaitReady(t.Context()))
			}
		}
		green(t, c, gateway)
	})
	t.Run("all coordinators are killed", func(t *testing.T) { killCoordinators(t, c) })
}

// passages gives some of the sample of a language.
func passages(t *testing.T, language string, count int) []quality.Document {
	t.Helper()
	documents, err := quality.ReadCorpus(filepath.Join("..", "..", "deploy", "demo", "sample", language, "corpus.jsonl"))
	require.NoError(t, err)
	return documents[:count]
}

// bulk writes documents as lines; every one must be written.
func bulk(t *testing.T, n *cluster.Node, index string, lines string) {
	t.Helper()
	code, _, messages := cli(t, lines, "bulk", "-", "--index", index, "--server", n.URL())
	require.Equal(t, 0, code, messages)
}

// layouts searches one corpus in 1, 3 and 8 shards, through different nodes.
func layouts(t *testing.T, c *cluster.Cluster) {
	const schema = `{"fields":{"title":{"type":"text","analyzer":"english"},"text":{"type":"text","analyzer":"english"},
		"ja":{"type":"text","analyzer":"japanese"}}}`
	var lines strings.Builder
	encoder := json.NewEncoder(&lines)
	for _, d := range passages(t, "en", 300) {
		require.NoError(t, encoder.Encode(map[string]string{"id": d.ID, "title": d.Title, "text": d.Text}))
	}
	for _, d := range passages(t, "ja", 300) {
		require.NoError(t, encoder.Encode(map[string]string{"id": d.ID, "ja": d.Text}))
	}
	counts := []int{1, 3, 8}
	for _, shards := range counts {
		name := fmt.Sprintf("layout%d", shards)
		require.NoError(t, c.Client().CreateIndex(t.Context(), c.Node("g1").URL(), name, schema, shards, 2))
		bulk(t, c.Node("g1"), name, lines.String())
	}
	<-time.After(settle)
	for _, query := range []string{
		`"gene expression in cells"`, `"patients treatment risk"`, `"日本 の 気象"`, `"法律 憲法 国家"`,
		`{"phrase":{"text":"immune system"}}`, `{"prefix":{"text":"immun"}}`,
		`{"match":{"query":"protein binding receptor","fields":["title^3","text"],"operator":"and"}}`,
		`{"bool":{"should":[{"match":{"text":"cancer"}},{"match":{"ja":"歴史"}}],"must_not":[{"match":{"text":"mice"}}]}}`,
		`{"match_all":{}}`,
	} {
		body := `{"mode":"sparse","size":50,"explain":true,"query":` + query + `}`
		want := ranking(t, c, c.Node("g1"), "layout1", body)
		require.NotEmpty(t, want, query)
		for _, shards := range counts {
			for _, n := range []string{"g1", "s1", "s2", "s3", "c1"} {
				got := ranking(t, c, c.Node(n), fmt.Sprintf("layout%d", shards), body)
				require.Equal(t, want, got, "%s in %d shards, asked at %s", query, shards, n)
			}
		}
	}
}

// ranking gives ids and scores of a search, scores as they are written: equal texts are equal bits.
func ranking(t *testing.T, c *cluster.Cluster, n *cluster.Node, index, body string) []string {
	t.Helper()
	status, data, err := c.Client().Do(t.Context(), http.MethodPost, n.URL()+"/v1/indexes/"+index+"/search", []byte(body))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", data)
	var answer struct {
		Total api.Total `json:"total"`
		Hits  []struct {
			ID    string          `json:"id"`
			Score json.RawMessage `json:"score"`
		} `json:"hits"`
		Degraded []any `json:"degraded"`
	}
	require.NoError(t, json.Unmarshal(data, &answer))
	require.Empty(t, answer.Degraded)
	out := []string{fmt.Sprintf("%d %s", answer.Total.Value, answer.Total.Relation)}
	for _, h := range answer.Hits {
		out = append(out, h.ID+" "+string(h.Score))
	}
	return out
}

// traffic is searches and writes of several clients at one node.
type traffic struct {
	mu       sync.Mutex
	failures []string
	searches int
	// written are the versions of acknowledged writes by id, last when a shard took one last.
	written map[string]uint64
	last    map[string]time.Time
}

// run searches and writes until ctx ends.
func (x *traffic) run(ctx context.Context, c *cluster.Cluster, url, index string) {
	var running sync.WaitGroup
	for client := range 4 {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				x.search(ctx, c, url+"/v1/indexes/"+index+"/search")
			}
		})
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				x.write(ctx, c, url, index, fmt.Sprintf("w%d-%d", client, i))
			}
		})
	}
	running.Wait()
}

func (x *traffic) search(ctx context.Context, c *cluster.Cluster, url string) {
	status, data, err := c.Client().Do(ctx, http.MethodPost, url, []byte(`{"query":"document","size":3}`))
	if ctx.Err() != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.searches++
	if err != nil || status != http.StatusOK || !strings.Contains(string(data), `"degraded":[]`) {
		x.failures = append(x.failures, fmt.Sprintf("%v %d %.300s", err, status, data))
	}
}

func (x *traffic) write(ctx context.Context, c *cluster.Cluster, url, index, id string) {
	// A write that was sent is waited for.
	at := cluster.DocumentURL(url, index, id)
	status, data, err := c.Client().Do(context.WithoutCancel(ctx), http.MethodPut, at, []byte(`{"text":"a new document"}`))
	if err != nil || status != http.StatusCreated {
		return // its outcome is unknown
	}
	var result api.WriteResult
	if json.Unmarshal(data, &result) != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.written[id] = result.Version
	x.last[result.Sequence[:strings.LastIndex(result.Sequence, "-")]] = time.Now()
}

// await returns when every one of so many shards has taken a write since a time.
func (x *traffic) await(t *testing.T, shards int, since time.Time) {
	t.Helper()
	require.Eventually(t, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		fresh := 0
		for _, at := range x.last {
			if at.After(since) {
				fresh++
			}
		}
		return fresh == shards
	}, startTimeout, 10*time.Millisecond, "shards do not take writes")
}

func killLeader(t *testing.T, c *cluster.Cluster, gateway *cluster.Node) {
	const index, shards = "killed", 3
	require.NoError(t, c.Client().CreateIndex(t.Context(), gateway.URL(), index, textSchema, shards, 3))
	bulk(t, gateway, index, lines(0, 500))
	ctx, stop := context.WithCancel(t.Context())
	x := &traffic{written: map[string]uint64{}, last: map[string]time.Time{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.run(ctx, c, gateway.URL(), index)
	}()
	defer func() {
		stop()
		<-done
	}()
	x.await(t, shards, time.Now())
	found, err := c.Client().Shards(t.Context(), gateway.URL(), index)
	require.NoError(t, err)
	require.Len(t, found, shards)
	require.NotEmpty(t, found[0].Leader)
	require.NoError(t, c.Node(found[0].Leader).Kill())
	killed := time.Now()
	x.await(t, shards, killed)
	t.Logf("all shards took writes %s after the kill", time.Since(killed).Round(time.Millisecond))
	// Searches and writes go on without the node.
	x.await(t, shards, time.Now().Add(time.Second))
	stop()
	<-done

	require.Empty(t, x.failures)
	require.Greater(t, x.searches, 50)
	for id, version := range x.written {
		status, answer := request(t, c, http.MethodGet, cluster.DocumentURL(gateway.URL(), index, id), "")
		require.Equal(t, http.StatusOK, status, "%s was acknowledged: %v", id, answer)
		require.InDelta(t, version, answer["version"], 0, id)
	}
	t.Logf("%d searches, %d writes", x.searches, len(x.written))
}

func killCoordinators(t *testing.T, c *cluster.Cluster) {
	for _, n := range c.Nodes() {
		if n.Roles() == "coordinator" {
			require.NoError(t, n.Kill())
		}
	}
	for _, n := range []string{"g1", "s1"} {
		url := c.Node(n).URL()
		status, answer := request(t, c, http.MethodPost, url+"/v1/indexes/killed/search", `{"query":"document"}`)
		require.Equal(t, http.StatusOK, status, "%v", answer)
		require.Empty(t, answer["degraded"])
		require.NotEmpty(t, answer["hits"])
		id := "late-" + n
		status, answer = request(t, c, http.MethodPut, cluster.DocumentURL(url, "killed", id), `{"text":"later"}`)
		require.Equal(t, http.StatusCreated, status, "%v", answer)
		status, answer = request(t, c, http.MethodGet, cluster.DocumentURL(url, "killed", id), "")
		require.Equal(t, http.StatusOK, status, "%v", answer)
	}
	status, answer := request(t, c, http.MethodPut, c.Node("g1").URL()+"/v1/indexes/new", textSchema)
	require.Equal(t, http.StatusServiceUnavailable, status, "%v", answer)
	for _, n := range c.Nodes() {
		if n.Roles() == "coordinator" {
			require.NoError(t, n.Start())
		}
	}
	green(t, c, c.Node("g1"))
	// A leader that was just elected may still ask to come again.
	require.Eventually(t, func() bool {
		status, answer = request(t, c, http.MethodPut, c.Node("g1").URL()+"/v1/indexes/new", textSchema)
		return status != http.StatusServiceUnavailable
	}, startTimeout, 50*time.Millisecond, "indexes can't be created")
	require.Equal(t, http.StatusCreated, status, "%v", answer)
}

// problem waits until a node tells of a problem that contains all of the texts.
func problem(t *testing.T, c *cluster.Cluster, n *cluster.Node, texts ...string) {
	t.Helper()
	var last api.ClusterStatus
	require.Eventually(t, func() bool {
		var err error
		last, err = c.Client().Status(t.Context(), n.URL())
		return err == nil && slices.ContainsFunc(last.Problems, func(p string) bool {
			for _, text := range texts {
				if !strings.Contains(p, text) {
					return false
				}
			}
			return true
		})
	}, startTimeout, 50*time.Millisecond, "no problem with %q", texts)
}

// refused starts a node that must end by itself, and gives its messages.
func refused(t *testing.T, n *cluster.Node) string {
	t.Helper()
	require.NoError(t, n.Start())
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	code, messages, err := n.WaitEnd(ctx)
	require.NoError(t, err, messages)
	require.NotZero(t, code, messages)
	require.NotContains(t, messages, "panic")
	return messages
}

func TestClusterBadStarts(t *testing.T) {
	c := startCluster(t, 1, 1, 0)
	c1, s1 := c.Node("c1"), c.Node("s1")
	green(t, c, c1)
	add := func(t *testing.T, spec cluster.Spec) *cluster.Node {
		t.Helper()
		n, err := c.Add(spec)
		require.NoError(t, err)
		return n
	}
	t.Run("an unknown role", func(t *testing.T) {
		messages := refused(t, add(t, cluster.Spec{ID: "x1", Roles: "shard,boss"}))
		require.Contains(t, messages, `"boss" is none of coordinator, shard and gateway`)
	})
	t.Run("the data directory of another node", func(t *testing.T) {
		require.NoError(t, s1.Kill())
		messages := refused(t, add(t, cluster.Spec{ID: "x2", Roles: "shard", DataDir: s1.DataDir()}))
		require.Contains(t, messages, `belongs to node "s1", not "x2"`)
	})
	t.Run("a data directory of a newer version", func(t *testing.T) {
		path := filepath.Join(s1.DataDir(), "VERSION")
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte("99\n"), 0o600))
		require.Contains(t, refused(t, s1), "version 99, this build reads up to")
		require.NoError(t, os.WriteFile(path, before, 0o600))
		require.NoError(t, s1.Start())
		require.NoError(t, s1.WaitReady(t.Context()))
		green(t, c, c1)
	})
	t.Run("a node id that is taken", func(t *testing.T) {
		twin := add(t, cluster.Spec{ID: "s1", Roles: "shard", DataDir: t.TempDir()})
		require.NoError(t, twin.Start())
		problem(t, c, c1, "node id s1 is used twice", "give one of them another id")
		require.NoError(t, twin.Kill())
	})
	t.Run("another cluster by gossip", func(t *testing.T) {
		roles := "coordinator,shard"
		alone := add(t, cluster.Spec{ID: "o1", Roles: roles, Args: []string{"--join", ""}})
		require.NoError(t, alone.Start())
		require.NoError(t, alone.WaitReady(t.Context()))
		require.NoError(t, alone.Kill())
		// It is told to join the first cluster, as by a slip in its configuration.
		stray := add(t, cluster.Spec{ID: "o1", Roles: roles, DataDir: alone.DataDir()})
		require.NoError(t, stray.Start())
		problem(t, c, c1, "node o1", "is a member of cluster", "look at the join addresses")
		problem(t, c, stray, "node c1", "is a member of cluster")
		status, nodes := request(t, c, http.MethodGet, c1.URL()+"/v1/cluster/nodes", "")
		require.Equal(t, http.StatusOK, status)
		require.Len(t, nodes["nodes"], 2, "%v", nodes)
	})
}
