package consensus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

var errCut = errors.New("no way there")

// web is Peers of several nodes in one process, with links that can be cut and slowed.
type web struct {
	mu    sync.Mutex
	nodes map[string]*Network
	cut   map[string]bool
	delay time.Duration
	calls int
}

func newWeb() *web { return &web{nodes: map[string]*Network{}, cut: map[string]bool{}} }

// node gives the network of a node, the same one each time.
func (w *web) node(id string) *Network {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes[id] == nil {
		w.nodes[id] = NewNetwork(id, thread{w, id}, slog.New(slog.DiscardHandler))
	}
	return w.nodes[id]
}

func (w *web) isolate(id string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[id] = cut
}

func (w *web) slow(delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = delay
}

// count is how often a way was looked for: twice a call.
func (w *web) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls / 2
}

// thread is the web as one node sees it.
type thread struct {
	web  *web
	from string
}

func (t thread) way(to string) (*Network, time.Duration, error) {
	t.web.mu.Lock()
	defer t.web.mu.Unlock()
	t.web.calls++
	if t.web.cut[t.from] || t.web.cut[to] || t.web.nodes[to] == nil {
		return nil, 0, errCut
	}
	return t.web.nodes[to], t.web.delay, nil
}

// Call brings the request there and the answer back, if the way is open at both times.
func (t thread) Call(ctx context.Context, to string, body []byte) ([]byte, error) {
	node, delay, err := t.way(to)
	if err != nil {
		return nil, err
	}
	if err := pass(ctx, delay); err != nil {
		return nil, err
	}
	answer, err := node.Serve(ctx, body, nil)
	if err != nil {
		return nil, err
	}
	if _, _, err := t.way(to); err != nil {
		return nil, err
	}
	return answer, pass(ctx, delay)
}

func pass(ctx context.Context, delay time.Duration) error {
	if delay == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mesh is replicas of one group over a web.
type mesh struct {
	*cluster
	web *web
}

func meshConfig(w *web, dir, id string, members ...string) Config {
	cfg := soloConfig(dir)
	cfg.ID, cfg.Network = id, w.node(id)
	cfg.Bootstrap = len(members) > 0
	for _, m := range members {
		cfg.Members = append(cfg.Members, Member{ID: m})
	}
	return cfg
}

func newMesh(t testing.TB, change func(i int, cfg *Config)) *mesh {
	m := &mesh{cluster: &cluster{t: t}, web: newWeb()}
	ids := []string{"n0", "n1", "n2"}
	for i, id := range ids {
		cfg := meshConfig(m.web, t.TempDir(), id, ids...)
		if change != nil {
			change(i, &cfg)
		}
		m.add(cfg)
	}
	return m
}

// add opens one more replica.
func (m *mesh) add(cfg Config) int {
	machine := &journal{}
	g, err := Open(cfg, machine)
	require.NoError(m.t, err)
	m.configs, m.machines, m.groups = append(m.configs, cfg), append(m.machines, machine), append(m.groups, g)
	return len(m.groups) - 1
}

// settle waits until all replicas that are open have the same commands.
func (m *mesh) settle() {
	for _, g := range m.groups {
		index := m.groups[m.leader(-1)].AppliedIndex()
		if g.Err() == nil {
			await(m.t, func() bool { return g.AppliedIndex() >= index })
		}
	}
}

func TestNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, nil)
		m.web.slow(time.Millisecond)
		first := m.leader(-1)
		propose(t, m.groups[first], command("1"))
		large := command(string(make([]byte, maxAppendBytes)))
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { propose(t, m.groups[first], large) })
		}
		all.Wait()
		require.NoError(t, m.groups[first].ReadBarrier(t.Context()))

		m.web.isolate(m.configs[first].ID, true)
		_, _, err := m.groups[first].Propose(t.Context(), command("lost"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
		second := m.leader(first)
		propose(t, m.groups[second], command("2"))
		m.web.isolate(m.configs[first].ID, false)
		time.Sleep(time.Minute)
		m.settle()
		for _, machine := range m.machines {
			got := machine.payloads()
			require.Len(t, got, 5)
			require.Equal(t, "1", got[0])
			require.Equal(t, "2", got[4])
		}

		node := m.web.node("n0")
		for _, id := range []string{"n0", "n1", "n2"} {
			stats, err := node.Status(t.Context(), id, "test")
			require.NoError(t, err)
			leader, _ := m.groups[0].Leader()
			require.Equal(t, leader, stats.Leader)
			require.Equal(t, stats.CommitIndex, stats.LastIndex)
		}
		_, err = node.Status(t.Context(), "n1", "other")
		require.ErrorIs(t, err, ErrNoGroup)
		_, err = node.Status(t.Context(), "n9", "test")
		require.ErrorIs(t, err, errCut)
		m.close()
		_, err = node.Status(t.Context(), "n1", "test")
		require.ErrorIs(t, err, ErrNoGroup)
		time.Sleep(time.Minute)
	})
}

// A replica whose raft is gone answers at once, and one whose raft is busy only as long as the caller waits.
func TestServeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		l, from := w.node("x").Transport("g"), w.node("b").Transport("g")
		ask := func() error {
			return from.RequestVote("x", "x", &raft.RequestVoteRequest{RPCHeader: fromB()}, &raft.RequestVoteResponse{})
		}
		began := time.Now()
		require.ErrorContains(t, ask(), context.DeadlineExceeded.Error())
		require.Less(t, time.Since(began), 2*defaultTimeout)
		waiting := make(chan error)
		go func() { waiting <- ask() }()
		synctest.Wait()
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-waiting, ErrNoGroup)

		l = w.node("x").Transport("g")
		go func() { waiting <- ask() }()
		<-l.Consumer() // and never answered
		l.stop()
		require.ErrorIs(t, <-waiting, ErrNoGroup)
		require.NoError(t, from.Close())
		require.ErrorIs(t, ask(), context.Canceled)
	})
}

// The followers of a leader whose process is gone don't wait for HeartbeatTimeout.
func TestSuspect(t *testing.T) {
	for _, c := range []struct {
		name    string
		suspect bool
	}{{"told", true}, {"not told", false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t, nil)
				dead := m.leader(-1)
				propose(t, m.groups[dead], command("1"))
				time.Sleep(time.Second)
				m.web.isolate(m.configs[dead].ID, true)
				lost := time.Now()
				for i := range 3 {
					if i != dead && c.suspect {
						node := m.web.node(m.configs[i].ID)
						node.Suspect("n7")
						node.Suspect(m.configs[dead].ID)
						node.Suspect(m.configs[dead].ID)
					}
				}
				next := m.leader(dead)
				took := time.Since(lost)
				require.Equal(t, c.suspect, took < 300*time.Millisecond, "it took %v", took)
				require.Less(t, took, 5*time.Second)
				term := m.groups[next].Term()
				propose(t, m.groups[next], command("2"))
				time.Sleep(10 * time.Second)
				require.Equal(t, term, m.groups[next].Term(), "one election must have been enough")
				m.web.isolate(m.configs[dead].ID, false)
				time.Sleep(time.Minute)
				m.close()
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestNetworkConfig(t *testing.T) {
	w := newWeb()
	cfg := meshConfig(w, t.TempDir(), "a", "a")
	g := openSolo(t, cfg, &journal{})
	propose(t, g, command("alone"))
	require.NoError(t, g.Close())
	cfg.ID = "b"
	_, err := Open(cfg, &journal{})
	require.ErrorIs(t, err, ErrInvalidConfig)
}

// Followers learn what is committed soon after a write, without the leader sending for ever.
func TestAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, func(_ int, cfg *Config) { cfg.CommitTimeout = time.Hour })
		m.web.slow(time.Millisecond)
		leader := m.groups[m.leader(-1)]
		for i := range 3 {
			time.Sleep(time.Second)
			_, index := propose(t, leader, command("x"))
			began := time.Now()
			require.NoError(t, m.groups[i].WaitApplied(t.Context(), index))
			require.Less(t, time.Since(began), 2*announceAfter)
			time.Sleep(2 * announceAfter)
			for _, g := range m.groups {
				require.GreaterOrEqual(t, g.AppliedIndex(), index)
			}
		}
		calls := m.web.count()
		time.Sleep(30 * time.Second)
		// Heartbeats to two followers each 150 to 300 ms, and nothing else.
		require.Less(t, m.web.count()-calls, 2*200+10)
		m.close()
		time.Sleep(2 * time.Hour)
	})
}

// What would end a replica, or its process, does not reach raft.
func TestServeRefuses(t *testing.T) {
	w := newWeb()
	l := w.node("x").Transport("g")
	entry := func(index uint64, typ raft.LogType, data []byte) *raft.AppendEntriesRequest {
		return &raft.AppendEntriesRequest{PrevLogEntry: 4, Entries: []*raft.Log{{Index: index, Type: typ, Data: data}}}
	}
	for name, q := range map[string]any{
		"a gap":                               entry(6, raft.LogCommand, nil),
		"an entry of unknown type":            entry(5, raft.LogConfiguration+1, nil),
		"an entry of a type out of use":       entry(5, raft.LogAddPeerDeprecated, nil),
		"a damaged configuration":             entry(5, raft.LogConfiguration, []byte{0xc1}),
		"a snapshot's damaged configuration":  &raft.InstallSnapshotRequest{Configuration: []byte{0xc1}},
		"an election by who is not known yet": &raft.TimeoutNowRequest{},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorIs(t, l.check(q), ErrMessage) })
	}
	t.Run("a commit index beyond what the append proves is cut", func(t *testing.T) {
		q := entry(5, raft.LogConfiguration, raft.EncodeConfiguration(trio()))
		q.LeaderCommitIndex = 9
		require.NoError(t, l.check(q))
		require.EqualValues(t, 5, q.LeaderCommitIndex)
	})
}
