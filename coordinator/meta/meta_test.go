package meta

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/fsm"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

func TestCoordinators(t *testing.T) {
	c := newCoordinators(t, "a", "b", "c")
	t.Run("a change shows where it was proposed", func(t *testing.T) {
		for _, id := range c.ids {
			r, err := c.by[id].Propose(testContext(t), node("n-"+id))
			require.NoError(t, err)
			require.True(t, r.Changed)
			require.True(t, hasNode("n-"+id)(c.by[id].View()))
		}
	})
	t.Run("refusals and repetitions come back, to those too that don't lead", func(t *testing.T) {
		for _, id := range c.ids {
			_, err := c.by[id].Propose(testContext(t), alias("p"))
			require.ErrorIs(t, err, state.ErrIndexNotFound)
			r, err := c.by[id].Propose(testContext(t), node("n-a"))
			require.NoError(t, err)
			require.False(t, r.Changed)
			require.GreaterOrEqual(t, c.by[id].View().Applied(), c.by[c.leader()].View().Version())
		}
	})
	t.Run("what can't be a command is refused at once", func(t *testing.T) {
		huge := state.PutAlias{Name: "p", Index: strings.Repeat("x", consensus.MaxPayload+1)}
		_, err := c.by[c.others()[0]].Propose(testContext(t), huge)
		require.ErrorIs(t, err, state.ErrInvalid)
	})
	t.Run("sync shows what was committed before", func(t *testing.T) {
		other := c.others()[0]
		_, err := c.by[c.leader()].Propose(testContext(t), node("late"))
		require.NoError(t, err)
		require.NoError(t, c.by[other].Sync(testContext(t)))
		require.True(t, hasNode("late")(c.by[other].View()))
		require.True(t, c.by[other].Current())
	})
	t.Run("an answer that is lost is no change that is lost, nor made twice", func(t *testing.T) {
		leader, other := c.leader(), c.others()[0]
		before := c.by[leader].group().AppliedIndex()
		lost := 3
		c.web.mu.Lock()
		c.web.lose = func(node string, method uint16) bool {
			c.web.mu.Lock()
			defer c.web.mu.Unlock()
			if node != leader || method != MethodPropose || lost == 0 {
				return false
			}
			lost--
			return true
		}
		c.web.mu.Unlock()
		r, err := c.by[other].Propose(testContext(t), node("once"))
		require.NoError(t, err)
		require.True(t, r.Changed, "the answer is the first one's")
		require.Zero(t, lost)
		entries := c.by[leader].group().AppliedIndex() - before
		require.LessOrEqual(t, entries, uint64(4))
	})
	t.Run("who knows no leader says so to those who watch", func(t *testing.T) {
		other := c.others()[0]
		c.web.isolate(other, true)
		body, err := encode(watchCall{Above: 1 << 40})
		require.NoError(t, err)
		for {
			if _, led := c.by[other].group().Leader(); !led {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(testContext(t), time.Millisecond)
		defer cancel()
		_, err = c.by[other].watch(ctx, body, nil)
		require.ErrorIs(t, err, ErrNoCoordinator)
		c.web.isolate(other, false)
	})
	t.Run("a proposal without a leader ends with its context", func(t *testing.T) {
		others := c.others()
		for _, id := range others {
			c.web.isolate(id, true)
		}
		for {
			if _, led := c.by[others[0]].group().Leader(); !led {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(testContext(t), 300*time.Millisecond)
		defer cancel()
		_, err := c.by[others[0]].Propose(ctx, node("never"))
		require.ErrorIs(t, err, api.ErrUnavailable)
		require.NotErrorIs(t, err, api.ErrUnknownOutcome)
		require.ErrorIs(t, c.by[others[0]].Sync(testContext(t)), ErrNoCoordinator)
		for _, id := range others {
			c.web.isolate(id, false)
		}
	})
}

func TestFollower(t *testing.T) {
	c := newCoordinators(t, "a", "b", "c")
	dir := t.TempDir()
	f := c.follow(dir, "nobody", "b", "c", "a")
	leader := c.by[c.leader()]
	_, err := leader.Propose(testContext(t), node("n1"))
	require.NoError(t, err)

	t.Run("it follows", func(t *testing.T) {
		awaitView(t, f, hasNode("n1"))
		require.Equal(t, "c1", f.View().ClusterID())
		_, err := leader.Propose(testContext(t), node("n2"))
		require.NoError(t, err)
		awaitView(t, f, hasNode("n2"))
	})
	t.Run("its own changes show at once, also those that others made before", func(t *testing.T) {
		r, err := f.Propose(testContext(t), node("n3"))
		require.NoError(t, err)
		require.True(t, r.Changed)
		require.True(t, hasNode("n3")(f.View()))
		_, err = leader.Propose(testContext(t), node("n4"))
		require.NoError(t, err)
		r, err = f.Propose(testContext(t), node("n4"))
		require.NoError(t, err)
		require.False(t, r.Changed)
		require.True(t, hasNode("n4")(f.View()))
		_, err = f.Propose(testContext(t), alias("p"))
		require.ErrorIs(t, err, state.ErrIndexNotFound)
	})
	t.Run("sync fetches what is committed", func(t *testing.T) {
		_, err := leader.Propose(testContext(t), node("n5"))
		require.NoError(t, err)
		require.NoError(t, f.Sync(testContext(t)))
		require.True(t, hasNode("n5")(f.View()))
		require.True(t, f.Current())
		require.NoError(t, f.Sync(testContext(t)), "with nothing new as well")
	})
	t.Run("it starts from what it kept while nobody answers", func(t *testing.T) {
		want := f.View().Version()
		f.Close()
		again := c.follow(dir)
		defer again.Close()
		require.Equal(t, want, again.View().Version())
		require.True(t, hasNode("n5")(again.View()))
		require.False(t, again.Current())
		require.ErrorIs(t, again.Sync(testContext(t)), ErrNoCoordinator)
		ctx, cancel := context.WithTimeout(testContext(t), 50*time.Millisecond)
		defer cancel()
		_, err := again.Propose(ctx, node("n6"))
		require.ErrorIs(t, err, api.ErrUnavailable)
		require.NotErrorIs(t, err, api.ErrUnknownOutcome)
	})
	t.Run("metadata that may lag behind are followed, and are not taken for the newest", func(t *testing.T) {
		lagging := c.others()[0]
		c.web.isolate(lagging, true)
		_, err := c.by[c.leader()].Propose(testContext(t), node("n7"))
		require.NoError(t, err)
		stale := newWeb()
		c.by[lagging].Register(stale.handle(lagging))
		behind, err := Follow(FollowerConfig{
			FS: vfs.OS(), Dir: t.TempDir(), Caller: from{stale, "f"}, After: quick, Logger: discard(),
			Coordinators: func() []string { return []string{lagging} },
		})
		require.NoError(t, err)
		defer behind.Close()
		awaitView(t, behind, hasNode("n5"))
		require.False(t, hasNode("n7")(behind.View()))
		require.False(t, behind.Current())
		c.web.isolate(lagging, false)
	})
	t.Run("those of another cluster are refused", func(t *testing.T) {
		other := newCoordinators(t, "x")
		// It has another id because its founding is another.
		_, err := other.by["x"].Propose(testContext(t), state.FoundCluster{ClusterID: "c2"})
		require.ErrorIs(t, err, state.ErrCluster)
		v := state.New()
		apply(t, v, 1<<40, state.FoundCluster{ClusterID: "c2", Level: state.Level})
		f := c.follow(dir)
		defer f.Close()
		before := f.View()
		require.ErrorIs(t, f.advance(v.View()), state.ErrCluster)
		require.ErrorContains(t, f.advance(v.View()), "c2")
		require.Same(t, before, f.View())
		require.False(t, f.Current())
	})
	t.Run("an older view changes nothing", func(t *testing.T) {
		f := c.follow(dir)
		defer f.Close()
		v := state.New()
		apply(t, v, 1, state.FoundCluster{ClusterID: "c1", Level: state.Level})
		before := f.View()
		require.NoError(t, f.advance(v.View()))
		require.Same(t, before, f.View())
	})
}

func apply(t testing.TB, s *state.State, index uint64, change state.Change) {
	payload, err := state.Encode(change)
	require.NoError(t, err)
	typ, version := state.Kind(change)
	r, err := s.Apply(state.Command{Index: index, Type: typ, Version: version, Payload: payload})
	require.NoError(t, err)
	require.NoError(t, r.Err)
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	s := state.New()
	apply(t, s, 7, state.FoundCluster{ClusterID: "c1", Level: state.Level})
	empty, err := readCache(vfs.OS(), filepath.Join(dir, "new"))
	require.NoError(t, err)
	require.Zero(t, empty.Version())
	require.NoError(t, writeCache(vfs.OS(), dir, s.View()))
	again, err := readCache(vfs.OS(), dir)
	require.NoError(t, err)
	require.Equal(t, s.View(), again)
	path := filepath.Join(dir, cacheFile)
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	t.Run("every truncation is found", func(t *testing.T) {
		for n := range good {
			require.NoError(t, os.WriteFile(path, good[:n], 0o600))
			_, err := readCache(vfs.OS(), dir)
			require.ErrorIs(t, err, ErrCache)
			require.ErrorContains(t, err, path)
		}
	})
	t.Run("every flipped byte is found", func(t *testing.T) {
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := readCache(vfs.OS(), dir)
			require.ErrorIs(t, err, ErrCache)
		}
		_, err := Follow(FollowerConfig{FS: vfs.OS(), Dir: dir, Coordinators: func() []string { return nil }})
		require.ErrorIs(t, err, ErrCache)
	})
}

func TestRefusals(t *testing.T) {
	t.Run("each survives the way", func(t *testing.T) {
		for name, sentinel := range refusals() {
			sent := answerOf(state.Result{Err: errors.Join(errors.New("about n1"), sentinel)}, 9)
			require.Equal(t, name, sent.Refusal)
			data, err := encode(sent)
			require.NoError(t, err)
			var got proposeAnswer
			require.NoError(t, decode(data, &got))
			r := got.result()
			require.ErrorIs(t, r.Err, sentinel)
			require.ErrorContains(t, r.Err, "about n1")
		}
	})
	t.Run("one that is not known is still one", func(t *testing.T) {
		sent := answerOf(state.Result{Err: errors.New("of tomorrow")}, 9)
		require.EqualError(t, sent.result().Err, "of tomorrow")
	})
	t.Run("none of package state is missing", func(t *testing.T) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "state", "errors.go"), nil, 0)
		require.NoError(t, err)
		names := 0
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				names += len(g.Specs)
			}
		}
		const stopping = 3 // errors that stop a node, and are in no result
		require.Len(t, refusals(), names-stopping)
	})
	t.Run("what can't be read is an error", func(t *testing.T) {
		for _, data := range []string{"", "\x01", "\x02{}", "\x01[]", "{}"} {
			require.ErrorIs(t, decode([]byte(data), &proposeAnswer{}), ErrProtocol, "%q", data)
		}
	})
}

// asker answers proposals from a script.
type asker struct {
	answers map[string][]any // proposeAnswer or error, the last one for ever
	asked   []string
	keys    map[[16]byte]bool
}

func (a *asker) ask(_ context.Context, node string, call proposeCall) (proposeAnswer, error) {
	a.asked = append(a.asked, node)
	a.keys[call.Key] = true
	script := a.answers[node]
	if len(script) == 0 {
		return proposeAnswer{}, errCut
	}
	if len(script) > 1 {
		a.answers[node] = script[1:]
	}
	switch x := script[0].(type) {
	case proposeAnswer:
		return x, nil
	case error:
		return proposeAnswer{}, x
	}
	return proposeAnswer{}, errors.New("bad script")
}

func TestPropose(t *testing.T) {
	applied := proposeAnswer{Outcome: outcomeApplied, Index: 5}
	led := func(by string) proposeAnswer { return proposeAnswer{Outcome: outcomeNotLeader, Leader: by} }
	unknown := proposeAnswer{Outcome: outcomeUnknown}
	for _, c := range []struct {
		name    string
		answers map[string][]any
		asked   []string
		err     error
		not     error
	}{
		{"the leader at once", map[string][]any{"a": {applied}}, []string{"a"}, nil, nil},
		{"by a hint", map[string][]any{"a": {led("c")}, "c": {applied}}, []string{"a", "c"}, nil, nil},
		{
			"by a hint that is wrong",
			map[string][]any{"a": {led("c")}, "b": {applied}, "c": {led("")}},
			[]string{"a", "c", "b"},
			nil, nil,
		},
		{"beside nodes that are away", map[string][]any{"b": {applied}}, []string{"a", "b"}, nil, nil},
		{"after an election", map[string][]any{"a": {led(""), applied}}, []string{"a", "b", "a"}, nil, nil},
		{"again what may be done", map[string][]any{"a": {unknown, applied}}, []string{"a", "b", "a"}, nil, nil},
		{"nobody is there", nil, nil, api.ErrUnavailable, api.ErrUnknownOutcome},
		{"nobody leads", map[string][]any{"a": {led("")}, "b": {led("a")}}, nil, api.ErrUnavailable, api.ErrUnknownOutcome},
		{"the leader is away", map[string][]any{"a": {led("z")}}, nil, api.ErrUnavailable, api.ErrUnknownOutcome},
		{"it may be done", map[string][]any{"a": {unknown, led("")}}, nil, api.ErrUnknownOutcome, nil},
		{"it may be done by the leader", map[string][]any{"a": {led("b")}, "b": {unknown}}, nil, api.ErrUnknownOutcome, nil},
		{"an answer was lost", map[string][]any{"a": {errLost, led("")}}, nil, api.ErrUnknownOutcome, nil},
		{"an answer of a hint was lost", map[string][]any{"a": {led("z")}, "z": {errLost}}, nil, api.ErrUnknownOutcome, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &asker{answers: c.answers, keys: map[[16]byte]bool{}}
				p := &proposer{ask: a.ask, nodes: func() []string { return []string{"a", "b"} }, after: time.After}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				got, err := p.propose(ctx, node("n"))
				require.Len(t, a.keys, 1)
				if c.err != nil {
					require.ErrorIs(t, err, c.err)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					if c.not != nil {
						require.NotErrorIs(t, err, c.not)
					}
					return
				}
				require.NoError(t, err)
				require.Equal(t, uint64(5), got.Index)
				require.Equal(t, c.asked, a.asked)
			})
		})
	}
	t.Run("there is no coordinator", func(t *testing.T) {
		p := &proposer{nodes: func() []string { return nil }, after: time.After}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.propose(ctx, node("n"))
		require.ErrorIs(t, err, ErrNoCoordinator)
		require.ErrorIs(t, err, api.ErrUnavailable)
	})
}

func TestWatch(t *testing.T) {
	c := newCoordinators(t, "a")
	one := c.by["a"]
	ask := func(ctx context.Context, above uint64) (*state.View, error) {
		return watch(ctx, from{c.web, "f"}, "a", above)
	}
	v, err := Fetch(testContext(t), from{c.web, "f"}, "a")
	require.NoError(t, err)
	require.Equal(t, one.View().Version(), v.Version())

	t.Run("nothing newer is told after a while", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(testContext(t), 30*time.Millisecond)
		defer cancel()
		got, err := ask(ctx, v.Version())
		require.NoError(t, err)
		require.Nil(t, got)
	})
	t.Run("a change is told at once", func(t *testing.T) {
		got := make(chan *state.View, 1)
		go func() {
			v, err := ask(testContext(t), v.Version())
			if err != nil {
				v = nil
			}
			got <- v
		}()
		_, err := one.Propose(testContext(t), node("n1"))
		require.NoError(t, err)
		require.True(t, hasNode("n1")(<-got))
	})
	t.Run("there are not too many", func(t *testing.T) {
		one.watchers.Add(maxWatchers)
		_, err := ask(testContext(t), 0)
		require.ErrorContains(t, err, "watches are open")
		one.watchers.Add(-maxWatchers)
		_, err = ask(testContext(t), 0)
		require.NoError(t, err)
	})
	t.Run("a broken call is refused", func(t *testing.T) {
		for method, h := range c.web.handlers["a"] {
			if method == MethodSync {
				continue
			}
			_, err := h(testContext(t), []byte("?"), nil)
			require.ErrorIs(t, err, ErrProtocol)
		}
	})
}

func TestAlone(t *testing.T) {
	machine, err := fsm.Open(vfs.OS(), t.TempDir())
	require.NoError(t, err)
	cfg := consensus.Default()
	cfg.Dir, cfg.ID, cfg.Group, cfg.Bootstrap, cfg.Logger = t.TempDir(), "local", "meta", true, discard()
	group, err := consensus.Open(cfg, machine)
	require.NoError(t, err)
	defer func() { require.NoError(t, group.Close()) }()
	c := NewCoordinator(CoordinatorConfig{
		Self: "local", Parts: Parts{FSM: machine, Group: group}, Name: "meta",
		After: quick,
	})
	_, err = c.Propose(testContext(t), state.FoundCluster{ClusterID: "c1", Level: state.Level})
	require.NoError(t, err)
	require.False(t, c.Current())
	require.NoError(t, c.Sync(testContext(t)))
	require.True(t, c.Current())
}
