package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// papers is the shard of most tests.
const papers = "papers-0"

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func textSchema() api.Schema {
	return api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText, Analyzer: "standard"}}}
}

// cluster is the hosts of several nodes in this process, and the metadata that they go by.
type cluster struct {
	t testing.TB

	mu       sync.Mutex
	members  map[string]*member
	version  uint64
	shards   map[string]Assignment
	isolated map[string]bool
	// met is told of each call between nodes, one at a time; nil for nobody.
	met func(from, to string, method uint16)
	// configure changes the configuration of every host; nil for none.
	configure func(cfg *Config)
}

// member is a node.
type member struct {
	cluster  *cluster
	id, dir  string
	host     *Host
	network  *consensus.Network
	handlers map[uint16]rpc.Handler
	log      *records
}

var errAway = fmt.Errorf("node can't be reached: %w", api.ErrUnavailable)

func newCluster(t testing.TB, nodes ...string) *cluster { return newClusterWith(t, nil, nodes...) }

func newClusterWith(t testing.TB, configure func(cfg *Config), nodes ...string) *cluster {
	t.TempDir() // directories are removed after what is registered from here on
	leaks := goleak.IgnoreCurrent()
	c := &cluster{
		t: t, configure: configure, members: map[string]*member{}, shards: map[string]Assignment{},
		isolated: map[string]bool{},
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			require.NoError(t, m.host.Close())
		}
		goleak.VerifyNone(t, leaks)
	})
	for _, id := range nodes {
		c.start(id, t.TempDir())
	}
	return c
}

// start opens the node of a directory.
func (c *cluster) start(id, dir string) *member {
	m := &member{cluster: c, id: id, dir: dir, handlers: map[uint16]rpc.Handler{}, log: &records{}}
	m.network = consensus.NewNetwork(id, raftWay{m}, slog.New(slog.DiscardHandler))
	cfg := testConfig(id, dir)
	cfg.Network, cfg.Peers, cfg.Founded = m.network, rpc.NewClient(callWay{m}), c.founded
	cfg.Logger = slog.New(m.log)
	if c.configure != nil {
		c.configure(&cfg)
	}
	host, err := New(cfg)
	require.NoError(c.t, err)
	m.host = host
	rpc.Register(func(method uint16, h rpc.Handler) { m.handlers[method] = h }, host, host.Transfers())
	c.mu.Lock()
	c.members[id] = m
	c.mu.Unlock()
	c.assign()
	return m
}

func testConfig(id, dir string) Config {
	cfg := Default()
	cfg.Node, cfg.Dir, cfg.Analyzers = id, dir, analysis.NewRegistry()
	cfg.Founded = func(context.Context, string) error { return nil }
	// Pauses are there to spare a cluster of thousands of groups.
	cfg.After = func(d time.Duration) <-chan time.Time { return time.After(d / 10) }
	cfg.Logger, cfg.Registry = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	cfg.SnapshotEvery = 20
	return cfg
}

// stop closes a node; its directory stays.
func (c *cluster) stop(id string) string {
	c.mu.Lock()
	m := c.members[id]
	delete(c.members, id)
	c.mu.Unlock()
	require.NoError(c.t, m.host.Close())
	return m.dir
}

// isolate cuts a node off from the others, or connects it again.
func (c *cluster) isolate(id string, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isolated[id] = cut
}

// founded is Config.Founded of all nodes.
func (c *cluster) founded(_ context.Context, shard string) error {
	c.mu.Lock()
	s := c.shards[shard]
	changed := s.Shard != "" && !s.Founded
	if changed {
		s.Founded = true
		c.shards[shard] = s
		c.version++
	}
	c.mu.Unlock()
	if changed {
		c.assign()
	}
	return nil
}

// place says where a shard belongs.
func (c *cluster) place(shard string, nodes ...string) {
	c.mu.Lock()
	s := c.shards[shard]
	s.Shard, s.Index, s.Schema, s.Nodes = shard, "papers", textSchema(), nodes
	s.Epoch++
	c.shards[shard] = s
	c.version++
	c.mu.Unlock()
	c.assign()
}

// drop deletes the index of a shard.
func (c *cluster) drop(shard string) {
	c.mu.Lock()
	delete(c.shards, shard)
	c.version++
	c.mu.Unlock()
	c.assign()
}

// assign tells every node of the metadata.
func (c *cluster) assign() {
	c.mu.Lock()
	members := make([]*member, 0, len(c.members))
	for _, m := range c.members {
		members = append(members, m)
	}
	c.mu.Unlock()
	for _, m := range members {
		m.assign(true)
	}
}

func (m *member) assign(sure bool) {
	c := m.cluster
	c.mu.Lock()
	var mine []Assignment
	all := map[string]Assignment{}
	for id, s := range c.shards {
		all[id] = s
		if slices.Contains(s.Nodes, m.id) {
			mine = append(mine, s)
		}
	}
	version := c.version
	c.mu.Unlock()
	find := func(id string) (Assignment, bool) {
		s, ok := all[id]
		return s, ok
	}
	require.NoError(c.t, m.host.Assign(version, mine, find, sure))
}

func (c *cluster) way(from, to string, method uint16) (*member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[to]
	if m == nil || c.isolated[from] || c.isolated[to] {
		return nil, errAway
	}
	if c.met != nil {
		c.met(from, to, method)
	}
	return m, nil
}

// raftWay and callWay are the ways of a node's groups, and of its client, to other nodes.
type (
	raftWay struct{ *member }
	callWay struct{ *member }
)

func (w raftWay) Call(ctx context.Context, node string, body []byte) ([]byte, error) {
	to, err := w.cluster.way(w.id, node, 0)
	if err != nil {
		return nil, err
	}
	return to.network.Serve(ctx, body, nil)
}

func (w callWay) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	to, err := w.cluster.way(w.id, node, method)
	if err != nil {
		return nil, err
	}
	return to.handlers[method](ctx, slices.Clone(body), nil)
}

// records keeps what a node logs.
type records struct {
	mu   sync.Mutex
	list []slog.Record
}

func (*records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r *records) WithGroup(string) slog.Handler          { return r }
func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, record.Clone())
	return nil
}

// find gives the last record of a message.
func (r *records) find(message string) (map[string]any, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found map[string]any
	count := 0
	for _, record := range r.list {
		if record.Message != message {
			continue
		}
		count++
		found = map[string]any{}
		record.Attrs(func(a slog.Attr) bool {
			found[a.Key] = a.Value.Any()
			return true
		})
	}
	return found, count
}

// await returns when something has become so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for ctx := testContext(t); !is(); {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.Fail(t, "never happened: "+what)
		}
	}
}

func (c *cluster) host(id string) *Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[id].host
}

// at gives the replica of a shard on a node, as the client of another node sees it.
func (c *cluster) at(id, shard string) rpc.Replica {
	r, err := c.host(id).Replica(shard)
	require.NoError(c.t, err)
	return r
}

// leader gives the node that leads a shard.
func (c *cluster) leader(shard string) (leader string) {
	await(c.t, "a leader of "+shard, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for id, m := range c.members {
			r, err := m.host.Replica(shard)
			if err != nil || c.isolated[id] {
				continue
			}
			if info, _, err := r.Info(testContext(c.t), rpc.Call{Shard: shard}); err == nil && info.LeaderHere {
				leader = id
				return true
			}
		}
		return false
	})
	return leader
}

// lead makes a node the leader of a shard.
func (c *cluster) lead(shard, node string) {
	await(c.t, node+" leads "+shard, func() bool {
		leader := c.leader(shard)
		if leader == node {
			return true
		}
		open, _, _ := c.hosted(leader, shard).lease()
		_ = open.replica.Group().TransferLeadershipTo(testContext(c.t), node) // it may be one soon
		return false
	})
}

func (c *cluster) hosted(node, shard string) *hosted {
	h := c.host(node)
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.shards[shard]
}

// membersOf gives the members of a shard's group as its leader has them, sorted, those without a vote with a "?".
func (c *cluster) membersOf(shard string) []string {
	leader := c.leader(shard)
	stats, err := c.members[leader].network.Status(testContext(c.t), leader, shard)
	require.NoError(c.t, err)
	var out []string
	for _, s := range stats.Members {
		if !s.Voter {
			s.ID += "?"
		}
		out = append(out, s.ID)
	}
	slices.Sort(out)
	return out
}

// awaitMembers returns when the group has these voters and no others.
func (c *cluster) awaitMembers(shard string, want ...string) {
	c.t.Helper()
	slices.Sort(want)
	await(c.t, fmt.Sprint("members ", want), func() bool { return slices.Equal(c.membersOf(shard), want) })
}

func put(id, text string) api.Write {
	return api.Write{Kind: api.OpIndex, Doc: api.Document{
		ID: id, Values: []api.Value{{Field: "text", Strings: []string{text}}}, Source: fmt.Appendf(nil, `{"text":%q}`, text),
	}}
}

// write writes documents at whoever leads, and gives the log index.
func (c *cluster) write(shard string, documents ...api.Write) (applied uint64) {
	c.t.Helper()
	id, err := replica.NewRequestID()
	require.NoError(c.t, err)
	await(c.t, "a write", func() bool {
		answer, _, err := c.at(c.leader(shard), shard).Write(testContext(c.t), rpc.Call{Shard: shard},
			rpc.WriteRequest{ID: id, Writes: documents})
		if err != nil {
			require.ErrorIs(c.t, err, api.ErrUnavailable)
			return false
		}
		applied = answer.Applied
		return true
	})
	return applied
}

func (c *cluster) writeMany(shard, prefix string, n int) (applied uint64) {
	c.t.Helper()
	for i := range n {
		applied = c.write(shard, put(fmt.Sprint(prefix, i), fmt.Sprintf("%s number%d warning", prefix, i)))
	}
	return applied
}

// ids gives the documents of a replica, once it has applied an index.
func (c *cluster) count(node, shard string, at uint64) (count int) {
	c.t.Helper()
	await(c.t, "an answer of "+node, func() bool {
		got, mark, err := c.at(node, shard).Count(testContext(c.t), rpc.Call{Shard: shard, MinIndex: at}, nil)
		if err != nil {
			require.ErrorIs(c.t, err, api.ErrUnavailable)
			return false
		}
		require.GreaterOrEqual(c.t, mark.Applied, at)
		count = got
		return true
	})
	return count
}

func (c *cluster) statistics(node, shard string, terms ...string) sparse.Statistics {
	c.t.Helper()
	var keys []sparse.TermKey
	for _, term := range terms {
		keys = append(keys, sparse.TermKey{Field: "text", Term: term})
	}
	stats, _, err := c.at(node, shard).Statistics(testContext(c.t), rpc.Call{Shard: shard}, keys)
	require.NoError(c.t, err)
	return stats
}

// compact makes the leader's log forget what is durable.
func (c *cluster) compact(node, shard string) {
	open, _, _ := c.hosted(node, shard).lease()
	require.NoError(c.t, open.replica.Group().Snapshot(testContext(c.t)))
}

func (c *cluster) dirOf(node, shard string) string { return filepath.Join(c.members[node].dir, shard) }

func exists(t testing.TB, path string) bool {
	_, err := os.Stat(path)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	return err == nil
}
