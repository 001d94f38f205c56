package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"sagasu/api"
	"sagasu/sparse"
)

// fakeNode keeps documents in a map.
type fakeNode struct {
	fakeSnapshots
	mu       sync.Mutex
	schemas  map[string]*api.Schema
	docs     map[string]sparse.Stored
	version  uint64
	notReady error
	// writeHook and searchHook, if set, run first and may fail the call.
	writeHook  func(ctx context.Context, writes []api.Write, opts WriteOptions) error
	searchHook func(ctx context.Context, req *api.SearchRequest) error
	batches    []int
	// bodies are those of jobs, audited what was noted; the others are what was asked for last.
	bodies  []string
	audited []api.AuditEvent
	filter  api.DocumentFilter
	report  api.ReportRequest
	audit   api.AuditFilter
}

func (n *fakeNode) CreateIndex(_ context.Context, name string, schema api.Schema, layout api.Layout) (
	api.IndexInfo, error,
) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.schemas[name] != nil {
		return api.IndexInfo{}, fmt.Errorf("index %q: %w", name, api.ErrIndexExists)
	}
	n.schemas[name] = &schema
	return api.IndexInfo{Name: name, Schema: schema, Shards: layout.Shards, Replicas: layout.Replicas}, nil
}

func (n *fakeNode) Cluster(context.Context) (api.ClusterStatus, error) {
	return api.ClusterStatus{ClusterID: "c1", Health: api.HealthGreen, Problems: []string{}}, nil
}

func (n *fakeNode) Nodes(context.Context) ([]api.NodeInfo, error) {
	return []api.NodeInfo{{ID: "a", Status: "alive"}}, nil
}

func (n *fakeNode) RemoveNode(_ context.Context, id string, force bool) error {
	if force {
		return nil
	}
	return api.NewProblem(api.ProblemConflict, 409, "force", "node %s still has replicas", id)
}

func (n *fakeNode) Shards(_ context.Context, index string) ([]api.ShardStatus, error) {
	if _, err := n.Schema(index); err != nil && index != "" {
		return nil, err
	}
	return nil, nil
}

func (n *fakeNode) Operations(context.Context) ([]api.Operation, error) {
	return []api.Operation{{ID: "rebuild-1", Kind: "rebuild"}}, nil
}

func (n *fakeNode) Aliases(context.Context) ([]api.Alias, error) { return nil, nil }

func (n *fakeNode) PutAlias(_ context.Context, _, index string) error {
	_, err := n.Schema(index)
	return err
}

func (n *fakeNode) Settings(context.Context) (map[string]string, error) {
	return map[string]string{"rebuild_grace_seconds": "300"}, nil
}

func (n *fakeNode) PutSetting(_ context.Context, key, _ string) error {
	if key == "rebuild_grace_seconds" {
		return nil
	}
	return api.NewProblem(api.ProblemRequest, 400, key, "there is no setting %q", key)
}

func (n *fakeNode) DeleteAlias(context.Context, string) error { return nil }

func (n *fakeNode) DeleteIndex(_ context.Context, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.schemas[name] == nil {
		return fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
	}
	delete(n.schemas, name)
	return nil
}

func (n *fakeNode) GetIndex(_ context.Context, name string) (api.IndexInfo, error) {
	schema, err := n.Schema(name)
	if err != nil {
		return api.IndexInfo{}, err
	}
	return api.IndexInfo{Name: name, Schema: *schema, Documents: len(n.docs)}, nil
}

func (n *fakeNode) ListIndexes(context.Context) ([]api.IndexInfo, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var infos []api.IndexInfo
	for name, schema := range n.schemas {
		infos = append(infos, api.IndexInfo{Name: name, Schema: *schema})
	}
	return infos, nil
}

func (n *fakeNode) Schema(name string) (*api.Schema, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.schemas[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
}

func (n *fakeNode) Write(
	ctx context.Context, _ string, writes []api.Write, opts WriteOptions,
) ([]api.WriteResult, error) {
	if n.writeHook != nil {
		if err := n.writeHook(ctx, writes, opts); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.batches = append(n.batches, len(writes))
	results := make([]api.WriteResult, len(writes))
	for i, w := range writes {
		results[i] = n.apply(w)
	}
	return results, nil
}

func (n *fakeNode) apply(w api.Write) api.WriteResult {
	old, exists := n.docs[w.Doc.ID]
	r := api.WriteResult{ID: w.Doc.ID}
	switch {
	case w.IfVersion != nil && *w.IfVersion != old.Version, w.Kind == api.OpCreate && exists:
		r.Status, r.Version = api.StatusConflict, old.Version
		return r
	case w.Kind == api.OpDelete && !exists:
		r.Status = api.StatusNotFound
		return r
	}
	n.version++
	r.Version = n.version
	switch {
	case w.Kind == api.OpDelete:
		r.Status = api.StatusDeleted
		delete(n.docs, w.Doc.ID)
		return r
	case exists:
		r.Status = api.StatusUpdated
	default:
		r.Status = api.StatusCreated
	}
	n.docs[w.Doc.ID] = sparse.Stored{ID: w.Doc.ID, Version: r.Version, Source: w.Doc.Source}
	return r
}

func (n *fakeNode) Get(_ context.Context, _, id string) (api.StoredDocument, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d, ok := n.docs[id]; ok {
		return api.StoredDocument{ID: d.ID, Version: d.Version, Source: d.Source}, nil
	}
	return api.StoredDocument{}, fmt.Errorf("document %q: %w", id, api.ErrDocumentNotFound)
}

func (n *fakeNode) Search(ctx context.Context, _ string, req *api.SearchRequest) (*api.SearchResponse, error) {
	if n.searchHook != nil {
		if err := n.searchHook(ctx, req); err != nil {
			return nil, err
		}
	}
	r := &api.SearchResponse{
		TookMS: 1.5, Total: api.Total{Value: 1, Relation: "eq", Scope: "sparse"}, Fusion: req.Fusion,
		TimingsMS: api.Timings{Sparse: 0.25},
	}
	for i := range min(req.Size, 10) {
		r.Hits = append(r.Hits, api.SearchHit{ID: fmt.Sprint(i), Score: 1, Source: api.RawJSON(`{"title":"t"}`)})
	}
	return r, nil
}

func (n *fakeNode) Count(context.Context, string, api.Query) (int, error) { return len(n.docs), nil }

func (n *fakeNode) Analyze(_ context.Context, analyzer, text string) ([]api.Token, error) {
	return []api.Token{{Term: analyzer + ":" + text, End: len(text)}}, nil
}

func (n *fakeNode) Ready(context.Context) error { return n.notReady }

// fixture is a real server on a listener in memory, over a fake node with the index papers.
type fixture struct {
	node   *fakeNode
	client *http.Client
	dial   func() (net.Conn, error)
}

const schemaJSON = `{"fields":{"title":{"type":"text","analyzer":"english"},"year":{"type":"int"}},"dense":{"dims":2}}`

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	schema, err := api.ParseSchema([]byte(schemaJSON))
	require.NoError(t, err)
	f := &fixture{node: &fakeNode{
		schemas: map[string]*api.Schema{"papers": &schema}, docs: map[string]sparse.Stored{},
	}}
	registry := prometheus.NewRegistry()
	cfg := Default()
	cfg.Node, cfg.Registry, cfg.Gatherer, cfg.Auth = f.node, registry, registry, NewAnyone()
	cfg.Logger = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&cfg)
	}
	server, err := New(cfg)
	require.NoError(t, err)
	listener := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	f.dial = listener.Dial
	transport := &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return listener.Dial() },
		MaxIdleConnsPerHost: 64,
	}
	f.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return f
}

// do sends a request; headers are "Name: value".
func (f *fixture) do(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://node"+path, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := f.client.Do(req)
	require.NoError(t, err)
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(data)
}

// raw sends bytes as they are and gives the status line of the answer.
func (f *fixture) raw(t *testing.T, text string) string {
	t.Helper()
	conn, err := f.dial()
	require.NoError(t, err)
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return line
}

func results(t *testing.T, body string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}
