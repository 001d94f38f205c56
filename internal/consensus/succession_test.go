package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// sent is a call between nodes.
type sent struct {
	at       time.Time
	kind     byte
	from, to string
}

// tap is Peers of a web's nodes whose calls can be looked at, and that can hang.
type tap struct {
	mu   sync.Mutex
	sent []sent
	hung map[string]bool
}

func newTap() *tap { return &tap{hung: map[string]bool{}} }

// tapped is the tap as one node sees it.
type tapped struct {
	thread
	tap *tap
}

func (p tapped) Call(ctx context.Context, to string, body []byte) ([]byte, error) {
	p.tap.mu.Lock()
	p.tap.sent = append(p.tap.sent, sent{time.Now(), body[1], p.from, to})
	hung := p.tap.hung[to]
	p.tap.mu.Unlock()
	if hung {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return p.thread.Call(ctx, to, body)
}

// since gives the calls of a kind that one node, or with an empty name any, has made since.
func (p *tap) since(since time.Time, kind byte, from string) (calls []sent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.sent {
		if !s.at.Before(since) && s.kind == kind && (from == "" || s.from == from) {
			calls = append(calls, s)
		}
	}
	return calls
}

func (p *tap) hang(id string, hung bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung[id] = hung
}

// unhurried is a store whose writes take a few milliseconds.
type unhurried struct {
	memory
	mu     sync.Mutex
	random *rand.Rand
	more   time.Duration
}

func (u *unhurried) wait() {
	u.mu.Lock()
	took := time.Duration(2000+u.random.IntN(6000))*time.Microsecond + u.more
	u.mu.Unlock()
	time.Sleep(took)
}

func (u *unhurried) slow(more time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.more = more
}

func (u *unhurried) Set(key, value []byte) error {
	u.wait()
	return u.memory.Set(key, value)
}

func (u *unhurried) SetUint64(key []byte, value uint64) error {
	u.wait()
	return u.memory.SetUint64(key, value)
}

func (u *unhurried) StoreLogs(logs []*raft.Log) error {
	u.wait()
	return u.memory.StoreLogs(logs)
}

// newFleet is a mesh of n replicas with slow stores in memory, and a tap.
func newFleet(t testing.TB, n int, seed uint64) (*mesh, *tap) {
	m, p := &mesh{cluster: &cluster{t: t}, web: newWeb()}, newTap()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("n%d", i)
		m.web.nodes[ids[i]] = NewNetwork(ids[i], tapped{thread{m.web, ids[i]}, p}, slog.New(slog.DiscardHandler))
	}
	m.web.slow(200 * time.Microsecond)
	for i, id := range ids {
		cfg := meshConfig(m.web, t.TempDir(), id, ids...)
		s := &unhurried{memory: memory{raft.NewInmemStore()}, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		cfg.openStore = func(string, time.Duration) (store, error) { return s, nil }
		m.add(cfg)
	}
	return m, p
}

// The followers of a leader whose process is gone agree on one of them, whose election is the only one.
func TestSuccession(t *testing.T) {
	for _, voters := range []int{3, 5} {
		for _, behind := range []string{"nobody", "the smallest", "the largest"} {
			t.Run(fmt.Sprintf("%d voters, %s is an entry behind", voters, behind), func(t *testing.T) {
				for seed := range uint64(25) {
					synctest.Test(t, func(t *testing.T) { succession(t, voters, behind, seed) })
				}
			})
		}
	}
}

func succession(t *testing.T, voters int, behind string, seed uint64) {
	m, p := newFleet(t, voters, seed)
	random := rand.New(rand.NewPCG(seed, 77))
	lost := m.leader(-1)
	_, index := propose(t, m.groups[lost], command("1"))
	var heirs []int
	for i, g := range m.groups {
		await(t, func() bool { return g.AppliedIndex() >= index })
		if i != lost {
			heirs = append(heirs, i)
		}
	}
	late := map[string]int{"the smallest": heirs[0], "the largest": heirs[len(heirs)-1], "nobody": -1}[behind]
	if late >= 0 {
		m.web.isolate(m.configs[late].ID, true)
		propose(t, m.groups[lost], command("2"))
		// All the others have it, so that which one is next is certain.
		await(t, func() bool {
			return !slices.ContainsFunc(heirs, func(i int) bool {
				return i != late && m.groups[i].Stats().LastIndex < m.groups[lost].Stats().LastIndex
			})
		})
	}
	term := m.groups[lost].Term()
	m.web.isolate(m.configs[lost].ID, true)
	if late >= 0 {
		m.web.isolate(m.configs[late].ID, false)
		require.Less(t, m.groups[late].Stats().LastIndex, m.groups[lost].Stats().LastIndex)
	}
	began := time.Now()
	for _, i := range heirs {
		time.AfterFunc(time.Duration(random.IntN(20))*time.Millisecond, func() {
			m.web.node(m.configs[i].ID).Suspect(m.configs[lost].ID)
		})
	}
	next := m.leader(lost)
	took := time.Since(began)
	require.LessOrEqual(t, took, 150*time.Millisecond, "seed %d", seed)
	want := slices.DeleteFunc(heirs, func(i int) bool { return i == late })
	require.Equal(t, want[0], next, "seed %d", seed)
	propose(t, m.groups[next], command("3"))
	time.Sleep(10 * time.Second)
	require.Equal(t, term+1, m.groups[next].Term(), "seed %d: one election", seed)
	for _, call := range p.since(began, kindVote, "") {
		require.Equal(t, m.configs[next].ID, call.from, "seed %d: one candidate", seed)
	}
	m.web.isolate(m.configs[lost].ID, false)
	time.Sleep(time.Minute)
	m.settle()
	m.close()
	time.Sleep(time.Minute)
}

// One who does not stand, though it was its turn, is not waited for.
func TestSuccessionOfTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := newFleet(t, 3, 1)
		lost := m.leader(-1)
		_, index := propose(t, m.groups[lost], command("1"))
		for _, g := range m.groups {
			await(t, func() bool { return g.AppliedIndex() >= index })
		}
		heirs := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == lost })
		m.web.isolate(m.configs[lost].ID, true)
		began := time.Now()
		m.web.node(m.configs[heirs[1]].ID).Suspect(m.configs[lost].ID) // the other one was not told
		require.Equal(t, heirs[1], m.leader(lost))
		require.Less(t, time.Since(began), succeedWait+succeedSpread+50*time.Millisecond)
		m.close()
		time.Sleep(time.Minute)
	})
}

// An election whose votes take long to write is waited for.
func TestSuccessionOnSlowDisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := newFleet(t, 3, 1)
		lost := m.leader(-1)
		_, index := propose(t, m.groups[lost], command("1"))
		for _, g := range m.groups {
			await(t, func() bool { return g.AppliedIndex() >= index })
			disk, ok := g.guard.store.(*unhurried)
			require.True(t, ok)
			disk.slow(200 * time.Millisecond)
		}
		heirs := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == lost })
		term, began := m.groups[lost].Term(), time.Now()
		m.web.isolate(m.configs[lost].ID, true)
		for _, i := range heirs {
			m.web.node(m.configs[i].ID).Suspect(m.configs[lost].ID)
		}
		require.Equal(t, heirs[0], m.leader(lost))
		require.Equal(t, term+1, m.groups[heirs[0]].Term())
		for _, call := range p.since(began, kindVote, "") {
			require.Equal(t, m.configs[heirs[0]].ID, call.from)
		}
		m.close()
		time.Sleep(time.Minute)
	})
}

func TestTurn(t *testing.T) {
	at := func(leader string, end uint64) Stats {
		return Stats{State: "Follower", Leader: leader, Term: 4, LastIndex: end}
	}
	candidate, later, failed := at("", 9), at("", 9), at("l", 99)
	candidate.State, later.Term, failed.Failed = "Candidate", 5, "its disk"
	compacted := at("l", 0)
	compacted.SnapshotIndex = 10
	for name, c := range map[string]struct {
		others map[raft.ServerID]Stats
		want   turn
	}{
		"alone":                             {nil, turnOwn},
		"the others are behind":             {map[raft.ServerID]Stats{"a": at("l", 8), "c": at("l", 3)}, turnOwn},
		"one is ahead":                      {map[raft.ServerID]Stats{"a": at("l", 8), "c": at("l", 10)}, turnOther},
		"one is ahead by its snapshot":      {map[raft.ServerID]Stats{"c": compacted}, turnOther},
		"a smaller one is as far":           {map[raft.ServerID]Stats{"a": at("l", 9)}, turnOther},
		"a larger one is as far":            {map[raft.ServerID]Stats{"c": at("l", 9)}, turnOwn},
		"one that is ahead has failed":      {map[raft.ServerID]Stats{"a": failed}, turnOwn},
		"one that is ahead has no leader":   {map[raft.ServerID]Stats{"a": at("", 10)}, turnOwn},
		"one that is behind has another":    {map[raft.ServerID]Stats{"c": at("a", 3)}, turnTaken},
		"one is a candidate":                {map[raft.ServerID]Stats{"c": candidate}, turnTaken},
		"one has voted in a later election": {map[raft.ServerID]Stats{"c": later}, turnTaken},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, turnOf("b", at("l", 9), "l", c.others)) })
	}
}
