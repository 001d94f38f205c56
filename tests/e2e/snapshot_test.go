package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/blob/blobtest"
	"sagasu/tests/cluster"
)

const (
	snapshotDocuments = 2_000
	snapshotQueries   = 1_000
	snapshotDims      = 8
)

// backedUp is a cluster with an index, and the answers that it gives.
type backedUp struct {
	t *testing.T
	c *cluster.Cluster
	// words are what documents and queries are made of.
	words []string
	rng   *rand.Rand
}

func newBackedUp(t *testing.T, c *cluster.Cluster) *backedUp {
	b := &backedUp{t: t, c: c, rng: rand.New(rand.NewPCG(1, 2))}
	for i := range 400 {
		b.words = append(b.words, fmt.Sprintf("w%dx", i))
	}
	return b
}

func (b *backedUp) text(words int) string {
	var out []string
	for range words {
		// Some are frequent and some rare.
		out = append(out, b.words[int(float64(len(b.words))*b.rng.Float64()*b.rng.Float64())])
	}
	return strings.Join(out, " ")
}

func (b *backedUp) vector() string {
	v := make([]string, snapshotDims)
	for i := range v {
		v[i] = fmt.Sprintf("%.3f", b.rng.NormFloat64())
	}
	return "[" + strings.Join(v, ",") + "]"
}

// noise can't be compressed, so that files take a while to be sent.
func (b *backedUp) noise() string {
	out := make([]byte, 600)
	for i := range out {
		if out[i] = byte('a' + b.rng.IntN(26)); i%50 == 49 {
			out[i] = ' '
		}
	}
	return string(out)
}

// url is that of a node that runs.
func (b *backedUp) url() string {
	for _, n := range b.c.Nodes() {
		if n.Running() && n.WaitReady(b.t.Context()) == nil {
			return n.URL()
		}
	}
	b.t.Fatal("no node runs")
	return ""
}

// call calls a node that runs; while one is away the metadata may have no leader.
func (b *backedUp) call(method, path, body string, want int) map[string]any {
	b.t.Helper()
	deadline := time.Now().Add(2 * startTimeout)
	for {
		status, data, err := b.c.Client().Do(b.t.Context(), method, b.url()+path, []byte(body))
		if err == nil && status == want {
			answer := map[string]any{}
			if len(data) > 0 {
				require.NoError(b.t, json.Unmarshal(data, &answer))
			}
			return answer
		}
		if time.Now().After(deadline) || err == nil && status < http.StatusInternalServerError {
			require.Failf(b.t, "call failed", "%s %s: %d %s %v", method, path, status, data, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

func (b *backedUp) fill(index string, from, to int) {
	b.t.Helper()
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, `{"id":"d%d","text":%q,"lang":"l%d","noise":%q,"vector":%s}`+"\n", i, b.text(30), i%3, b.noise(),
			b.vector())
	}
	status, data, err := b.c.Client().Do(b.t.Context(), http.MethodPost, b.url()+"/v1/indexes/"+index+"/documents",
		[]byte(strings.TrimSpace("["+strings.ReplaceAll(strings.TrimSpace(lines.String()), "\n", ",")+"]")))
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, status, "%.500s", data)
	require.NotContains(b.t, string(data), `"error"`)
}

// answers gives the ids and scores of the ten best documents of many queries, by words and by vectors.
func (b *backedUp) answers(index string) []string {
	b.t.Helper()
	queries := newBackedUp(b.t, b.c)
	queries.rng = rand.New(rand.NewPCG(7, 7))
	url := b.url()
	bodies := make([]string, snapshotQueries)
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"query":%q,"mode":"sparse","timeout":"10s"}`, queries.text(1+i%4))
		switch {
		case i%5 == 0:
			bodies[i] = fmt.Sprintf(`{"vector":%s,"mode":"dense","timeout":"10s"}`, queries.vector())
		case i%7 == 0:
			bodies[i] = fmt.Sprintf(`{"query":%q,"filter":{"term":{"lang":"l1"}},"mode":"sparse","timeout":"10s"}`, queries.text(2))
		}
	}
	out := make([]string, len(bodies))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < len(bodies); i += 4 {
				status, data, err := b.c.Client().Do(b.t.Context(), http.MethodPost, url+"/v1/indexes/"+index+"/search",
					[]byte(bodies[i]))
				if err != nil || status != http.StatusOK {
					b.t.Errorf("search: %d %s %v", status, data, err)
					return
				}
				out[i] = hitsOf(b.t, data)
			}
		})
	}
	wg.Wait()
	return out
}

func hitsOf(t *testing.T, data []byte) string {
	var answer struct {
		Hits []struct {
			ID     string          `json:"id"`
			Score  float64         `json:"score"`
			Source json.RawMessage `json:"source"`
		} `json:"hits"`
		Degraded []any `json:"degraded"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || len(answer.Degraded) > 0 {
		t.Errorf("search: %v: %s", err, data)
	}
	var hits strings.Builder
	for _, h := range answer.Hits {
		fmt.Fprintf(&hits, "%s %v %s\n", h.ID, h.Score, h.Source)
	}
	return hits.String()
}

func (b *backedUp) count(index string) float64 {
	b.t.Helper()
	n, _ := b.call(http.MethodGet, "/v1/indexes/"+index+"/count", "", http.StatusOK)["count"].(float64)
	return n
}

// await waits for the end of an operation, and gives its state and error; meanwhile is called between.
func (b *backedUp) await(id string, meanwhile func(done, total float64)) (state, why string) {
	b.t.Helper()
	for deadline := time.Now().Add(4 * startTimeout); ; {
		o := b.call(http.MethodGet, "/v1/operations/"+id, "", http.StatusOK)
		state, _ = o["state"].(string)
		why, _ = o["error"].(string)
		if state == "done" || state == "failed" || state == "cancelled" {
			return state, why
		}
		if meanwhile != nil {
			done, _ := o["done"].(float64)
			total, _ := o["total"].(float64)
			meanwhile(done, total)
		}
		require.False(b.t, time.Now().After(deadline), "operation %s does not end: %v", id, o)
		<-time.After(50 * time.Millisecond)
	}
}

// leader gives the node that leads the metadata.
func (b *backedUp) leader() *cluster.Node {
	b.t.Helper()
	status, err := b.c.Client().Status(b.t.Context(), b.url())
	require.NoError(b.t, err)
	n := b.c.Node(status.Leader)
	require.NotNil(b.t, n, "%+v", status)
	return n
}

// kill ends a process by kill -9 and starts it again.
func (b *backedUp) kill(n *cluster.Node) {
	b.t.Helper()
	require.NoError(b.t, n.Kill())
	require.NoError(b.t, n.Start())
	require.NoError(b.t, n.WaitReady(b.t.Context()))
}

// startWithStore starts a cluster whose nodes have credentials for the store.
func startWithStore(t *testing.T, credentials string, coordinators, shards int) *cluster.Cluster {
	t.Helper()
	cfg := cluster.Default()
	cfg.Binary, cfg.Coordinators, cfg.Shards, cfg.Gateways = binary, coordinators, shards, 0
	cfg.Args = []string{"--s3-credentials-file", credentials}
	var err error
	cfg.Dir, err = os.MkdirTemp("", "sagasu-snapshots-") //nolint:usetesting // it outlives a test that fails
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

// TestSnapshots takes a cluster's indexes to a real S3 server and back, with processes killed in the middle of both.
func TestSnapshots(t *testing.T) {
	store := blobtest.StartS3(t)
	credentials := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(credentials, fmt.Appendf(nil, `{"main":{"access_key":%q,"secret_key":%q}}`,
		blobtest.AccessKey, blobtest.SecretKey), 0o600))
	c := startWithStore(t, credentials, 3, 3)
	b := newBackedUp(t, c)
	require.NoError(t, c.Client().CreateIndex(t.Context(), b.url(), "papers", fmt.Sprintf(
		`{"fields":{"text":{"type":"text"},"lang":{"type":"keyword"},"noise":{"type":"text"}},"dense":{"dims":%d}}`, snapshotDims), 3, 2))
	for i := 0; i < snapshotDocuments; i += 500 {
		b.fill("papers", i, i+500)
	}
	<-time.After(settle)
	want := b.answers("papers")
	require.NotContains(t, want, "", "every query finds something")
	repository := func(rate int, more string) string {
		return fmt.Sprintf(`{"kind":"s3","endpoint":%q,"bucket":%q,"prefix":"e2e","credentials":"main","bytes_per_second":%d%s}`,
			store.Endpoint, blobtest.BucketName, rate, more)
	}
	b.call(http.MethodPut, "/v1/repositories/offsite", repository(64<<10, ""), http.StatusOK)

	var id string
	t.Run("taken while nodes are killed", func(t *testing.T) { id = b.takeUnderKills(t) })
	t.Run("what is there is not sent again", func(t *testing.T) {
		b.call(http.MethodPut, "/v1/repositories/offsite", repository(0, ""), http.StatusOK)
		s := b.call(http.MethodPost, "/v1/snapshots", `{"repository":"offsite"}`, http.StatusAccepted)
		state, why := b.await(s["operation"].(string), nil)
		require.Equal(t, "done", state, why)
		again := b.call(http.MethodGet, "/v1/snapshots/"+s["id"].(string), "", http.StatusOK)
		sent, _ := again["new_bytes"].(float64)
		require.Less(t, sent, 0.1*again["bytes"].(float64))
	})
	b.fill("papers", snapshotDocuments, snapshotDocuments+10)
	b.call(http.MethodPut, "/v1/repositories/offsite", repository(64<<10, ""), http.StatusOK)
	t.Run("restored while nodes are killed", func(t *testing.T) {
		b.restoreUnderKills(t, id)
		require.EqualValues(t, snapshotDocuments, b.count("copy"))
		require.Equal(t, want, b.answers("copy"))
	})
	t.Run("restored into another cluster", func(t *testing.T) {
		other := startWithStore(t, credentials, 1, 1)
		o := newBackedUp(t, other)
		o.call(http.MethodPut, "/v1/repositories/offsite", repository(0, `,"read_only":true`), http.StatusOK)
		plans := o.call(http.MethodPost, "/v1/snapshots/"+id+"/restore", `{"repository":"offsite"}`, http.StatusAccepted)
		for _, p := range plans["restores"].([]any) {
			state, why := o.await(p.(map[string]any)["operation"].(string), nil)
			require.Equal(t, "done", state, why)
		}
		require.EqualValues(t, snapshotDocuments, o.count("papers"))
		require.Equal(t, want, o.answers("papers"))
	})
	t.Run("a store that hangs or lost something", func(t *testing.T) { b.badStore(t, store, id) })
}

// takeUnderKills takes a snapshot while the metadata's leader, and a node that sends, are killed.
func (b *backedUp) takeUnderKills(t *testing.T) string {
	s := b.call(http.MethodPost, "/v1/snapshots", `{"repository":"offsite"}`, http.StatusAccepted)
	victims := []*cluster.Node{b.leader(), b.c.Node("s2")}
	state, why := b.await(s["operation"].(string), func(done, total float64) {
		if len(victims) > 0 && total > 0 && done > 0 {
			b.kill(victims[0])
			victims = victims[1:]
		}
	})
	require.Equal(t, "done", state, why)
	require.Empty(t, victims, "both were killed in the middle of it")
	id := s["id"].(string)
	o := b.call(http.MethodPost, "/v1/snapshots/"+id+"/verify?deep=true", "", http.StatusAccepted)
	state, why = b.await(o["id"].(string), nil)
	require.Equal(t, "done", state, why)
	return id
}

// restoreUnderKills restores while nodes that fetch, and the metadata's leader, are killed. Nobody finds half an index.
func (b *backedUp) restoreUnderKills(t *testing.T, id string) {
	answer := b.call(http.MethodPost, "/v1/snapshots/"+id+"/restore", `{"index":"papers","as":"copy"}`, http.StatusAccepted)
	plan := answer["restores"].([]any)[0].(map[string]any)
	victims := []*cluster.Node{b.c.Node("s1"), b.leader(), b.c.Node("s3")}
	killed := 0
	state, why := b.await(plan["operation"].(string), func(done, total float64) {
		status, _, err := b.c.Client().Do(t.Context(), http.MethodPost, b.url()+"/v1/indexes/copy/search", []byte(`{"query":"w1x"}`))
		require.NoError(t, err)
		if status != http.StatusNotFound {
			require.Equal(t, http.StatusOK, status) // it was just completed
			return
		}
		if len(victims) > 0 && total > 0 && done > 0 {
			b.kill(victims[0])
			victims = victims[1:]
			killed++
		}
	})
	require.Equal(t, "done", state, why)
	require.GreaterOrEqual(t, killed, 2, "in the middle of it")
	green(t, b.c, b.c.Node("c1"))
}

// badStore looks at stores that hang and that lost an object: an error with the reason, and nothing changed.
func (b *backedUp) badStore(t *testing.T, store *blobtest.Server, id string) {
	names := func() []string {
		var out []string
		for _, x := range b.call(http.MethodGet, "/v1/indexes", "", http.StatusOK)["indexes"].([]any) {
			out = append(out, x.(map[string]any)["name"].(string))
		}
		slices.Sort(out)
		return out
	}
	before := names()
	resume := store.Pause(t)
	status, _, err := b.c.Client().Do(t.Context(), http.MethodPost, b.url()+"/v1/snapshots/"+id+"/restore",
		[]byte(`{"index":"papers","as":"hung"}`))
	require.NoError(t, err)
	require.GreaterOrEqual(t, status, http.StatusInternalServerError)
	resume()
	var objects []string
	require.NoError(t, filepath.Walk(filepath.Join(store.Bucket, "e2e", "blobs"), func(p string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			objects = append(objects, p)
		}
		return err
	}))
	for _, path := range objects {
		require.NoError(t, os.Remove(path))
	}
	answer := b.call(http.MethodPost, "/v1/snapshots/"+id+"/restore", `{"index":"papers","as":"lost"}`, http.StatusAccepted)
	plan := answer["restores"].([]any)[0].(map[string]any)
	state, why := b.await(plan["operation"].(string), nil)
	require.Equal(t, "failed", state)
	require.Contains(t, why, "not found")
	require.Equal(t, before, names())
}
