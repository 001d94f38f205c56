package coordinator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/wire"
	"sagasu/shard"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// group is replicas of one shard that do as they are told.
type group struct {
	state *state.State
	index uint64
	// do answers a call at a node; nil for a node that is away.
	do map[string]func(ctx context.Context, call rpc.Call) error
	// asked are the nodes called, ids the ids of the writes.
	asked []string
	ids   map[[16]byte]bool
	// refreshed is called when newer metadata are waited for.
	refreshed func()
}

// told is a replica of the group.
type told struct {
	rpc.Replica
	group *group
	node  string
}

func (r told) Write(ctx context.Context, call rpc.Call, req rpc.WriteRequest) (rpc.WriteAnswer, rpc.Mark, error) {
	r.group.ids[req.ID] = true
	return rpc.WriteAnswer{Applied: 7}, rpc.Mark{}, r.group.call(ctx, r.node, call)
}

func (r told) Fetch(ctx context.Context, call rpc.Call, _ []string) ([]sparse.Stored, rpc.Mark, error) {
	if call.MinIndex != shard.Latest {
		return nil, rpc.Mark{}, errors.New("not linearizable")
	}
	return nil, rpc.Mark{}, r.group.call(ctx, r.node, call)
}

func (g *group) call(ctx context.Context, node string, call rpc.Call) error {
	g.asked = append(g.asked, node)
	if g.do[node] == nil {
		return fmt.Errorf("%w: %w", api.ErrUnavailable, wire.ErrUnreachable)
	}
	return g.do[node](ctx, call)
}

func newGroup(t *testing.T, nodes ...string) (*group, *writes, *shardLayout) {
	g := &group{
		state: state.New(), do: map[string]func(context.Context, rpc.Call) error{}, ids: map[[16]byte]bool{},
		refreshed: func() {},
	}
	g.change(t, state.FoundCluster{ClusterID: "c1", Level: state.Level})
	for _, id := range []string{"a", "b", "c", "d"} {
		g.change(t, state.RegisterNode{Node: state.Node{
			ID: id, Instance: "i" + id, Roles: []state.Role{state.RoleShard}, Level: state.Level,
		}})
	}
	uuid := fmt.Sprintf("%032x", 5)
	g.change(t, state.CreateIndex{
		Name: "papers", UUID: uuid, Replicas: len(nodes), Shards: state.Layout(uuid, [][]string{nodes}),
	})
	g.change(t, state.MarkFounded{Shard: state.ShardID(uuid, 0)})
	w := &writes{
		find: func(_, node string) (rpc.Replica, error) { return told{group: g, node: node}, nil },
		view: g.state.View, refresh: func(context.Context, string, uint64) { g.refreshed() }, after: time.After,
	}
	return g, w, &shardLayout{Shard: g.shard(), trace: &trace{}}
}

func (g *group) change(t *testing.T, c state.Change) {
	payload, err := state.Encode(c)
	require.NoError(t, err)
	g.index++
	typ, version := state.Kind(c)
	r, err := g.state.Apply(state.Command{Index: g.index, Type: typ, Version: version, Payload: payload})
	require.NoError(t, err)
	require.NoError(t, r.Err)
}

func (g *group) shard() state.Shard { return g.state.View().Indexes()[0].Shards[0] }

// times answers with the errors in turn, the last for ever.
func times(errs ...error) func(context.Context, rpc.Call) error {
	return func(context.Context, rpc.Call) error {
		err := errs[0]
		if len(errs) > 1 {
			errs = errs[1:]
		}
		return err
	}
}

func ledBy(node string) error {
	return fmt.Errorf("write: %w", &rpc.NotLeaderError{Leader: node, Term: 3})
}

func hang(ctx context.Context, _ rpc.Call) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWriteAtLeader(t *testing.T) {
	lost := fmt.Errorf("answer lost: %w", api.ErrUnknownOutcome)
	full := fmt.Errorf("queue: %w", replica.ErrOverloaded)
	for _, c := range []struct {
		name  string
		do    map[string]func(context.Context, rpc.Call) error
		asked []string // nil for any
		err   []error
		not   error
	}{
		{name: "the first", do: map[string]func(context.Context, rpc.Call) error{"a": times(nil)}, asked: []string{"a"}},
		{
			name: "by a hint", asked: []string{"a", "c"},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(ledBy("c")), "c": times(nil)},
		},
		{
			name: "by a hint to a node that is to give it up", asked: []string{"a", "d"},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(ledBy("d")), "d": times(nil)},
		},
		{
			name: "beside hints in a circle", asked: []string{"a", "b", "c"},
			do: map[string]func(context.Context, rpc.Call) error{
				"a": times(ledBy("b")), "b": times(ledBy("a")), "c": times(nil),
			},
		},
		{
			name: "beside a node that is away", asked: []string{"a", "b"},
			do: map[string]func(context.Context, rpc.Call) error{"b": times(nil)},
		},
		{
			name: "beside a node that hangs", asked: []string{"a", "b"},
			do: map[string]func(context.Context, rpc.Call) error{"a": hang, "b": times(nil)},
		},
		{
			name: "after an election", asked: []string{"a", "b", "c", "a"},
			do: map[string]func(context.Context, rpc.Call) error{
				"a": times(ledBy(""), nil), "b": times(ledBy("")), "c": times(ledBy("")),
			},
		},
		{
			name: "again what may be done", asked: []string{"a", "b"},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(lost), "b": times(nil)},
		},
		{
			name: "what it can't be is told at once", asked: []string{"a"}, err: []error{replica.ErrWrite},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(replica.ErrWrite)}, not: api.ErrUnknownOutcome,
		},
		{
			name: "too much at once", asked: []string{"a"}, err: []error{api.ErrOverloaded},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(full)}, not: api.ErrUnknownOutcome,
		},
		{
			name: "too much at once after what may be done", asked: []string{"a", "b"},
			err: []error{api.ErrUnknownOutcome, api.ErrOverloaded},
			do:  map[string]func(context.Context, rpc.Call) error{"a": times(lost), "b": times(full)},
		},
		{
			name: "done before, with results forgotten", asked: []string{"a", "b"}, err: []error{replica.ErrRepeated},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(lost), "b": times(replica.ErrRepeated)},
		},
		{name: "nobody is there", err: []error{api.ErrUnavailable, context.DeadlineExceeded}, not: api.ErrUnknownOutcome},
		{
			name: "nobody leads", err: []error{api.ErrUnavailable}, not: api.ErrUnknownOutcome,
			do: map[string]func(context.Context, rpc.Call) error{"a": times(ledBy("")), "b": times(ledBy("a"))},
		},
		{
			name: "it may be done and nobody leads", err: []error{api.ErrUnknownOutcome, context.DeadlineExceeded},
			do: map[string]func(context.Context, rpc.Call) error{"a": times(lost, ledBy(""))},
		},
		{
			name: "it hangs everywhere", err: []error{api.ErrUnknownOutcome},
			do: map[string]func(context.Context, rpc.Call) error{"a": hang, "b": hang, "c": hang},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, w, s := newGroup(t, "a", "b", "c")
				for node, do := range c.do {
					g.do[node] = do
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := w.write(ctx, s, nil)
				require.Len(t, g.ids, 1, "every try is the same request")
				if c.asked != nil {
					require.Equal(t, c.asked, g.asked)
				}
				if c.err == nil {
					require.NoError(t, err)
					require.Equal(t, uint64(7), s.written.Load())
					require.Equal(t, g.asked[len(g.asked)-1], s.leads())
					g.asked = nil
					g.do[s.leads()] = times(nil)
					_, err = w.write(ctx, s, nil)
					require.NoError(t, err)
					require.Len(t, g.asked, 1, "the leader is remembered")
					return
				}
				for _, want := range c.err {
					require.ErrorIs(t, err, want)
				}
				if c.not != nil {
					require.NotErrorIs(t, err, c.not)
				}
				require.Zero(t, s.written.Load())
			})
		})
	}
}

func TestReadAtLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w, s := newGroup(t, "a")
		g.do["a"] = hang
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := w.get(ctx, s, []string{"1"})
		require.ErrorIs(t, err, api.ErrUnavailable)
		require.NotErrorIs(t, err, api.ErrUnknownOutcome, "a read changes nothing")
		g.do["a"] = times(nil)
		_, err = w.get(t.Context(), s, []string{"1"})
		require.NoError(t, err)
	})
}

func TestWriteThroughChanges(t *testing.T) {
	move := func(t *testing.T, g *group) {
		s := g.shard()
		g.change(t, state.SetReplicas{Shard: s.ID, Epoch: s.Epoch, Nodes: []string{"d"}})
	}
	t.Run("a newer layout is picked up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, w, s := newGroup(t, "a")
			g.do["a"] = func(context.Context, rpc.Call) error {
				move(t, g)
				return ledBy("")
			}
			g.do["d"] = func(_ context.Context, call rpc.Call) error {
				require.Equal(t, uint64(2), call.Epoch)
				return nil
			}
			_, err := w.write(t.Context(), s, nil)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "d"}, g.asked)
			require.Equal(t, uint64(1), s.Epoch, "the layout is shared, and stays")
		})
	})
	t.Run("one that a replica knows first is waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, w, s := newGroup(t, "a")
			g.do["a"] = func(_ context.Context, call rpc.Call) error { return &rpc.EpochError{Epoch: 2} }
			g.do["d"] = times(nil)
			g.refreshed = func() { move(t, g) }
			_, err := w.write(t.Context(), s, nil)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "d"}, g.asked)
		})
	})
	for _, when := range []string{"before", "while waiting for newer metadata"} {
		t.Run("an index that is deleted is not found, "+when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, w, s := newGroup(t, "a")
				x := g.state.View().Indexes()[0]
				drop := func() { g.change(t, state.DeleteIndex{Name: x.Name, UUID: x.UUID}) }
				g.do["a"] = func(context.Context, rpc.Call) error {
					if when == "before" {
						drop()
						return &rpc.NoShardError{Shard: s.ID}
					}
					return &rpc.EpochError{Epoch: 2}
				}
				g.refreshed = drop
				_, err := w.write(t.Context(), s, nil)
				require.ErrorIs(t, err, api.ErrIndexNotFound)
				require.ErrorContains(t, err, s.ID)
			})
		})
	}
}
