package snapshots

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/blob"
	"sagasu/internal/vfs"
)

// world is a cluster without its outside: the real metadata, nodes that make up files for their shards, one repository.
type world struct {
	t     *testing.T
	store string
	// wrap changes the stores of repositories.
	wrap func(blob.Store) blob.Store

	mu      sync.Mutex
	meta    *state.State
	changed chan struct{}
	leads   bool
	nodes   map[string]*testNode
	now     func() time.Time
}

// testNode has shards with files, and what answers calls about them.
type testNode struct {
	world    *world
	name     string
	dir      string
	cutter   *Cutter
	filler   *Filler
	handlers map[uint16]func(context.Context, []byte, []byte) ([]byte, error)

	mu     sync.Mutex
	shards map[string]map[string][]byte
	leads  map[string]bool
	cuts   int
}

func newWorld(t *testing.T, nodes ...string) *world {
	t.Helper()
	w := &world{
		t: t, store: t.TempDir(), meta: state.New(), changed: make(chan struct{}), leads: true, nodes: map[string]*testNode{},
		now: time.Now,
	}
	w.apply(state.FoundCluster{ClusterID: "c1", Level: state.Level})
	for _, name := range nodes {
		w.apply(state.RegisterNode{Node: state.Node{
			ID: name, Instance: "i-" + name, Roles: []state.Role{state.RoleCoordinator, state.RoleShard}, Level: state.Level,
		}})
		w.addNode(name)
	}
	w.apply(state.PutRepository{Repository: state.Repository{Name: "r", Kind: state.RepositoryDir, Path: w.store}})
	return w
}

func (w *world) places() *Places {
	return &Places{Dirs: []string{filepath.Dir(w.store)}, Guard: w.guard(), Wrap: w.wrapped}
}

func (w *world) wrapped(s blob.Store) blob.Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrap == nil {
		return s
	}
	return w.wrap(s)
}

func (w *world) guard() blob.GuardConfig {
	cfg := blob.DefaultGuard()
	cfg.Pause, cfg.Stall = time.Millisecond, time.Second
	return cfg
}

func (w *world) addNode(name string) *testNode {
	n := &testNode{
		world: w, name: name, dir: w.t.TempDir(), shards: map[string]map[string][]byte{}, leads: map[string]bool{},
		handlers: map[uint16]func(context.Context, []byte, []byte) ([]byte, error){},
	}
	n.start()
	w.nodes[name] = n
	w.t.Cleanup(func() { n.cutter.Close() })
	return n
}

// start makes what a process has.
func (n *testNode) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	logger := slog.New(slog.DiscardHandler)
	n.cutter = NewCutter(CutterConfig{
		Shards: n, Places: n.world.places(), FS: vfs.OS(), Now: time.Now, After: time.After, Logger: logger,
	})
	n.filler = NewFiller(FillerConfig{Places: n.world.places(), Now: time.Now, After: time.After, Logger: logger})
	Register(func(method uint16, h func(context.Context, []byte, []byte) ([]byte, error)) { n.handlers[method] = h },
		n.cutter, n.filler)
}

// CutDir implements Shards.
func (n *testNode) CutDir(name string) string { return filepath.Join(n.dir, "cut-"+name) }

// Cut implements Shards.
func (n *testNode) Cut(_ context.Context, shard, dir string) (ShardCut, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.leads[shard] {
		return ShardCut{}, &ElsewhereError{}
	}
	n.cuts++
	for path, data := range n.shards[shard] {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return ShardCut{}, err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			return ShardCut{}, err
		}
	}
	return ShardCut{Applied: 9, Documents: len(n.shards[shard]), Catalog: &CatalogPosition{Version: 1}}, os.MkdirAll(dir, 0o700)
}

// write gives a shard a file more.
func (n *testNode) write(shard, path string, size int) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shards[shard] == nil {
		n.shards[shard] = map[string][]byte{}
	}
	n.shards[shard][path], n.leads[shard] = data, true
}

// Call implements Caller.
func (w *world) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	n := w.nodes[node]
	n.mu.Lock()
	handler := n.handlers[method]
	n.mu.Unlock()
	return handler(ctx, body, nil)
}

// View implements Metadata.
func (w *world) View() *state.View { return w.meta.View() }

// Changed implements Metadata.
func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Leads implements Metadata.
func (w *world) Leads() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leads
}

// Sync implements Metadata.
func (w *world) Sync(ctx context.Context) error { return ctx.Err() }

// Propose implements Metadata.
func (w *world) Propose(ctx context.Context, c state.Change) (state.Result, error) {
	if err := ctx.Err(); err != nil {
		return state.Result{}, err
	}
	payload, err := state.Encode(c)
	if err != nil {
		return state.Result{}, err
	}
	typ, version := state.Kind(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.meta.Apply(state.Command{
		Index: w.meta.View().Applied() + 1, Type: typ, Version: version, Payload: payload,
	})
	close(w.changed)
	w.changed = make(chan struct{})
	if err == nil {
		err = r.Err
	}
	return r, err
}

func (w *world) apply(c state.Change) {
	w.t.Helper()
	_, err := w.Propose(context.Background(), c)
	require.NoError(w.t, err)
}

// index makes an index with a shard for each list of nodes, the first of which leads it, with some files.
func (w *world) index(name string, shards ...[]string) {
	w.t.Helper()
	uuid := "u-" + name
	w.apply(state.CreateIndex{
		Name: name, UUID: uuid, Replicas: 3, Shards: state.Layout(uuid, shards),
		Schema: api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText}}},
	})
	for i, nodes := range shards {
		id := state.ShardID(uuid, i)
		w.nodes[nodes[0]].write(id, "sparse/MANIFEST", 100)
		w.nodes[nodes[0]].write(id, "sparse/1.seg", 300_000)
		w.apply(state.MarkFounded{Shard: id})
	}
}

// keep runs a keeper until stop is called.
func (w *world) keep() (stop func()) {
	w.t.Helper()
	k, err := NewKeeper(KeeperConfig{
		Metadata: w, Nodes: w, Places: w.places(), Program: "test", Now: w.now, After: fast,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	return sync.OnceFunc(func() { cancel(); <-done })
}

// fast is a clock on which little time passes slowly.
func fast(d time.Duration) <-chan time.Time { return time.After(d / 50) }

// begin asks for a snapshot.
func (w *world) begin(id string, indexes ...string) {
	w.t.Helper()
	w.apply(Begin(id, "r", "", indexes, time.Now()))
}

// await waits until the view is as wanted.
func (w *world) await(what string, is func(v *state.View) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		changed := w.Changed()
		if is(w.View()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.Fail(w.t, "did not happen: "+what, "%+v %+v", w.View().Snapshots(), w.View().Operations())
		}
	}
}

func (w *world) awaitSnapshot(id string, want state.SnapshotState) state.SnapshotRecord {
	w.t.Helper()
	w.await("snapshot "+id+" is "+string(want), func(v *state.View) bool {
		s, ok := v.Snapshot(id)
		require.True(w.t, ok)
		require.False(w.t, s.State != state.SnapshotRunning && s.State != want, "%+v", s)
		return s.State == want
	})
	s, _ := w.View().Snapshot(id)
	return s
}

func (w *world) open() *Repository {
	w.t.Helper()
	r, ok := w.View().Repository("r")
	require.True(w.t, ok)
	open, err := (&Places{Dirs: []string{w.store}, Guard: w.guard()}).Open(r)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, open.Close()) })
	return open
}

// objects counts the files of the repository.
func (w *world) objects() (n int) {
	w.t.Helper()
	require.NoError(w.t, w.open().store.List(context.Background(), "", func(blob.Info) error { n++; return nil }))
	return n
}

// restore has the files of every shard of an index of a snapshot fetched, and holds them to what the nodes have.
func (w *world) restore(id, index string) {
	w.t.Helper()
	r, _ := w.View().Repository("r")
	m, sum, err := w.open().Manifest(context.Background(), id)
	require.NoError(w.t, err)
	x := m.Index(index)
	require.NotNil(w.t, x)
	for i, s := range x.Shards {
		into := filepath.Join(w.t.TempDir(), "seed")
		f := NewFiller(FillerConfig{Places: w.places(), Now: time.Now, After: time.After, Logger: slog.New(slog.DiscardHandler)})
		applied, err := f.Fill(context.Background(), r, Wanted{
			Index: "new", Shard: fmt.Sprint("new-", i), From: s.From, To: s.To,
			Restore: state.Restore{Repository: "r", Snapshot: id, Source: index, Manifest: sum},
		}, into)
		require.NoError(w.t, err)
		require.EqualValues(w.t, 9, applied)
		w.same(state.ShardID(x.UUID, i), into)
	}
}

// same holds a directory to the files of a shard.
func (w *world) same(shard, dir string) {
	w.t.Helper()
	for _, n := range w.nodes {
		n.mu.Lock()
		files := n.shards[shard]
		n.mu.Unlock()
		if files == nil {
			continue
		}
		got, err := listFiles(dir)
		require.NoError(w.t, err)
		require.Len(w.t, got, len(files))
		for path, want := range files {
			data, err := os.ReadFile(filepath.Join(dir, path))
			require.NoError(w.t, err)
			require.True(w.t, bytes.Equal(want, data), path)
		}
		return
	}
	require.Fail(w.t, "no node has the shard", shard)
}
