package meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sagasu/api"
	"sagasu/coordinator/fsm"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

type handler = func(ctx context.Context, body, dst []byte) ([]byte, error)

// web carries calls between nodes of this process.
type web struct {
	mu       sync.Mutex
	handlers map[string]map[uint16]handler
	networks map[string]*consensus.Network
	cut      map[string]bool
	// lose says whether an answer gets lost.
	lose func(node string, method uint16) bool
	// calls counts those that reached a node, by method.
	calls map[uint16]int
}

var (
	errCut  = fmt.Errorf("node can't be reached: %w", api.ErrUnavailable)
	errLost = errors.New("connection broke")
)

func newWeb() *web {
	return &web{
		handlers: map[string]map[uint16]handler{}, networks: map[string]*consensus.Network{}, cut: map[string]bool{},
		lose: func(string, uint16) bool { return false }, calls: map[uint16]int{},
	}
}

func (w *web) isolate(node string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[node] = cut
}

func (w *web) handle(node string) Handle {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := map[uint16]handler{}
	w.handlers[node] = own
	return func(method uint16, h func(ctx context.Context, body, dst []byte) ([]byte, error)) { own[method] = h }
}

// from is the web as a node sees it.
type from struct {
	web  *web
	node string
}

func (f from) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	f.web.mu.Lock()
	h := f.web.handlers[node][method]
	cut := f.web.cut[node] || f.web.cut[f.node]
	if h != nil && !cut {
		f.web.calls[method]++
	}
	lose := f.web.lose
	f.web.mu.Unlock()
	if h == nil || cut {
		return nil, errCut
	}
	answer, err := h(ctx, slices.Clone(body), nil)
	if lose(node, method) {
		return nil, errLost
	}
	return answer, err
}

// groups carries the calls of raft groups.
type groups struct{ from }

func (g groups) Call(ctx context.Context, node string, body []byte) ([]byte, error) {
	g.web.mu.Lock()
	n := g.web.networks[node]
	cut := g.web.cut[node] || g.web.cut[g.node]
	g.web.mu.Unlock()
	if n == nil || cut {
		return nil, errCut
	}
	return n.Serve(ctx, body, nil)
}

// quick is a clock's After for pauses that a test need not wait for.
func quick(d time.Duration) <-chan time.Time { return time.After(d / 20) }

// coordinators are a founded cluster's.
type coordinators struct {
	t   testing.TB
	web *web
	ids []string
	by  map[string]*Coordinator
}

func newCoordinators(t testing.TB, ids ...string) *coordinators {
	c := &coordinators{t: t, web: newWeb(), ids: ids, by: map[string]*Coordinator{}}
	t.TempDir() // directories are removed after what is registered from here on
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	for _, id := range ids {
		c.web.networks[id] = consensus.NewNetwork(id, groups{from{c.web, id}}, slog.New(slog.DiscardHandler))
	}
	for _, id := range ids {
		c.open(id)
	}
	require.NoError(t, c.by[ids[0]].group().Lead(testContext(t)))
	_, err := c.by[ids[0]].Propose(testContext(t), state.FoundCluster{ClusterID: "c1", Level: state.Level})
	require.NoError(t, err)
	return c
}

func (c *coordinators) open(id string) {
	dir := c.t.TempDir()
	machine, err := fsm.Open(vfs.OS(), dir)
	require.NoError(c.t, err)
	cfg := consensus.Default()
	cfg.Dir, cfg.ID, cfg.Group = filepath.Join(dir, "log"), id, "meta"
	cfg.Network, cfg.Bootstrap, cfg.Logger = c.web.networks[id], true, slog.New(slog.DiscardHandler)
	for _, m := range c.ids {
		cfg.Members = append(cfg.Members, consensus.Member{ID: m})
	}
	group, err := consensus.Open(cfg, machine)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, group.Close()) })
	c.by[id] = NewCoordinator(CoordinatorConfig{
		Self: id, Parts: Parts{FSM: machine, Group: group}, Name: "meta", Network: cfg.Network,
		Caller: from{c.web, id}, After: quick,
	})
	c.by[id].Register(c.web.handle(id))
}

func (c *coordinators) leader() string {
	for ctx := testContext(c.t); ; {
		for _, id := range c.ids {
			if c.by[id].group().IsLeader() && !c.web.cut[id] {
				return id
			}
		}
		select {
		case <-quick(time.Second):
		case <-ctx.Done():
			require.Fail(c.t, "nobody leads")
		}
	}
}

// others are those that don't lead.
func (c *coordinators) others() (out []string) {
	leader := c.leader()
	for _, id := range c.ids {
		if id != leader {
			out = append(out, id)
		}
	}
	return out
}

// follow makes a node that is no coordinator.
func (c *coordinators) follow(dir string, order ...string) *Follower {
	f, err := Follow(FollowerConfig{
		FS: vfs.OS(), Dir: dir, Caller: from{c.web, "f"}, After: quick, Logger: slog.New(slog.DiscardHandler),
		Coordinators: func() []string { return order },
	})
	require.NoError(c.t, err)
	return f
}

// await returns when the source's view is as it should be.
func awaitView(t testing.TB, s Source, is func(v *state.View) bool) {
	t.Helper()
	for ctx := testContext(t); ; {
		changed := s.Changed()
		if is(s.View()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.Fail(t, "the view never came")
		}
	}
}

func alias(name string) state.PutAlias { return state.PutAlias{Name: name, Index: "papers"} }

func node(id string) state.RegisterNode {
	return state.RegisterNode{Node: state.Node{
		ID: id, Instance: "i-" + id, Roles: []state.Role{state.RoleShard}, Level: state.Level,
	}}
}

func hasNode(id string) func(v *state.View) bool {
	return func(v *state.View) bool {
		_, ok := v.Node(id)
		return ok
	}
}
