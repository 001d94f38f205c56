package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
)

// cluster is metadata that are really changed, and groups whose members follow when they are told to.
type cluster struct {
	t     testing.TB
	state *state.State
	index uint64
	now   time.Time
	leads atomic.Bool
	// down tells for how long a node has been away.
	down map[string]time.Duration
	// lag are the shards whose groups are not yet as wanted; silent those that nobody can be asked about.
	lag, silent map[string]bool
	// filled is what shards have of generations; nil if they can't be asked. unseen are nodes that know no new
	// metadata; dropped are the generations that were dropped, unless dropError says otherwise.
	filled []Filled
	unseen bool
	// groups are how groups and nodes are, by shard and node; p95 is that of searches, leading and calling what nodes
	// are busy with.
	groups           map[string]Group
	p95              time.Duration
	leading, calling map[string]int
	dropped          []string
	dropError        error
	// before is called with each change; an error is Propose's, and nothing changes.
	before func(c state.Change) error
	// after is called with each change that was made; an error is Propose's all the same.
	after func(c state.Change) error
}

func newCluster(t testing.TB, nodes, shards, replicas int) *cluster {
	c := &cluster{
		t: t, state: state.New(), now: time.UnixMilli(1_700_000_000_000), down: map[string]time.Duration{},
		lag: map[string]bool{}, silent: map[string]bool{}, groups: map[string]Group{},
		leading: map[string]int{}, calling: map[string]int{},
		before: func(state.Change) error { return nil }, after: func(state.Change) error { return nil },
	}
	c.must(state.FoundCluster{ClusterID: "c1", Level: state.LevelGenerations})
	var placed [][]string
	for i := range nodes {
		c.must(state.RegisterNode{Node: state.Node{
			ID: fmt.Sprint("n", i), Instance: fmt.Sprint("i", i), Roles: []state.Role{state.RoleShard}, Level: state.Level,
		}})
	}
	for i := range shards {
		var on []string
		for j := range replicas {
			on = append(on, fmt.Sprint("n", (i+j)%nodes))
		}
		placed = append(placed, on)
	}
	uuid := fmt.Sprintf("%032x", 7)
	c.must(state.CreateIndex{Name: "papers", UUID: uuid, Replicas: replicas, Shards: state.Layout(uuid, placed)})
	for i := range shards {
		c.must(state.MarkFounded{Shard: state.ShardID(uuid, i)})
	}
	return c
}

func (c *cluster) must(change state.Change) {
	r, err := c.apply(change)
	require.NoError(c.t, err)
	require.NoError(c.t, r.Err)
}

func (c *cluster) apply(change state.Change) (state.Result, error) {
	payload, err := state.Encode(change)
	require.NoError(c.t, err)
	c.index++
	typ, version := state.Kind(change)
	r, err := c.state.Apply(state.Command{Index: c.index, Type: typ, Version: version, Payload: payload})
	require.NoError(c.t, err)
	return r, r.Err
}

func (c *cluster) View() *state.View { return c.state.View() }
func (c *cluster) Leads() bool       { return c.leads.Load() }

func (c *cluster) Candidates(view *state.View) (out []placement.Candidate) {
	for _, n := range view.Nodes() {
		down, away := c.down[n.ID]
		out = append(out, placement.Candidate{
			Node: n, Alive: !away, DownFor: down,
			OnLeave: n.Drain != nil && n.Drain.Mode == state.DrainRestart && n.Drain.Holds(c.now.UnixMilli()),
		})
	}
	return out
}

func (c *cluster) Propose(_ context.Context, change state.Change) (state.Result, error) {
	if err := c.before(change); err != nil {
		return state.Result{}, err
	}
	r, err := c.apply(change)
	if err == nil {
		err = c.after(change)
	}
	return r, err
}

func (c *cluster) Filled(context.Context, state.Index) ([]Filled, error) {
	if c.filled == nil {
		return nil, errors.New("shard 0 does not answer")
	}
	return c.filled, nil
}

func (c *cluster) Seen(context.Context, uint64) bool { return !c.unseen }

func (c *cluster) Drop(_ context.Context, uuid string, generation int) error {
	if c.dropError != nil {
		return c.dropError
	}
	c.dropped = append(c.dropped, fmt.Sprintf("%.4s %d", uuid, generation))
	return nil
}

func (c *cluster) Settled(_ context.Context, s state.Shard, _ string) (bool, error) {
	if c.silent[s.ID] {
		return false, errors.New("nobody answers")
	}
	return !c.lag[s.ID], nil
}

func (c *cluster) reconciler() *Reconciler {
	return New(Config{
		Cluster: c, Every: time.Second, Rest: DefaultRest, Now: func() time.Time { return c.now }, After: time.After,
		Logger: slog.New(slog.DiscardHandler),
	})
}

func (c *cluster) turn() error {
	c.now = c.now.Add(time.Second)
	return c.reconciler().Turn(context.Background())
}

func (c *cluster) shard(i int) state.Shard { return c.View().Indexes()[0].Shards[i] }

// states gives the states of all operations, in order of creation.
func (c *cluster) states() (out []state.OperationState) {
	for _, o := range c.View().Operations() {
		out = append(out, o.State)
	}
	return out
}

func (c *cluster) running() (n int) {
	for _, s := range c.states() {
		if !s.Ended() {
			n++
		}
	}
	return n
}

func states(s ...state.OperationState) []state.OperationState { return s }

const grace = 5 * time.Minute

func TestRebuild(t *testing.T) {
	c := newCluster(t, 4, 1, 3)
	require.NoError(t, c.turn())
	require.Empty(t, c.states())
	c.down["n1"] = grace
	require.NoError(t, c.turn())
	require.Empty(t, c.states())
	c.down["n1"] = grace + time.Second
	id := c.shard(0).ID
	c.lag[id] = true

	var seen []string
	c.after = func(change state.Change) error {
		switch x := change.(type) {
		case state.PutOperation:
			seen = append(seen, string(x.Operation.State))
		case state.SetReplicas:
			seen = append(seen, "set replicas")
		}
		return nil
	}
	require.NoError(t, c.turn())
	require.Equal(t, []string{"pending", "set replicas", "running"}, seen)
	require.Equal(t, []string{"n0", "n2", "n3"}, c.shard(0).Nodes)
	o := c.View().Operations()[0]
	require.Equal(t, "n3", o.Node)
	require.Equal(t, id, o.Shard)
	require.Equal(t, "papers", o.Index)
	require.Contains(t, o.Reason, "n1")
	require.Equal(t, c.shard(0).Epoch, o.Total)

	require.NoError(t, c.turn())
	c.silent[id] = true
	require.ErrorContains(t, c.turn(), o.ID)
	require.Equal(t, states(state.OperationRunning), c.states())
	c.silent[id], c.lag[id] = false, false
	require.NoError(t, c.turn())
	require.Equal(t, states(state.OperationDone), c.states())
	require.Equal(t, c.now.UnixMilli(), c.View().Operations()[0].UpdatedMillis)
	for range 3 {
		require.NoError(t, c.turn())
	}
	require.Len(t, c.states(), 1)
}

func TestRefusedChange(t *testing.T) {
	c := newCluster(t, 4, 1, 3)
	c.down["n1"] = grace + time.Second
	refusals := 2
	c.before = func(change state.Change) error {
		if _, ok := change.(state.SetReplicas); ok && refusals > 0 {
			refusals--
			return fmt.Errorf("node n3: %w", state.ErrNodeNotFound)
		}
		return nil
	}
	require.ErrorIs(t, c.turn(), state.ErrNodeNotFound)
	require.Equal(t, states(state.OperationFailed), c.states())
	require.Contains(t, c.View().Operations()[0].Error, "n3")
	require.ErrorIs(t, c.turn(), state.ErrNodeNotFound)
	// What was refused once must not stand in the way of trying again.
	require.NoError(t, c.turn())
	require.NoError(t, c.turn())
	require.Equal(t, states(state.OperationFailed, state.OperationFailed, state.OperationDone), c.states())
	require.Equal(t, []string{"n0", "n2", "n3"}, c.shard(0).Nodes)
}

func TestLeaderChange(t *testing.T) {
	lost := fmt.Errorf("leader lost: %w", api.ErrUnknownOutcome)
	setReplicas := func(c state.Change) bool { _, ok := c.(state.SetReplicas); return ok }

	t.Run("after the operation was noted", func(t *testing.T) {
		c := newCluster(t, 4, 1, 3)
		c.down["n1"] = grace + time.Second
		c.before = func(change state.Change) error {
			if setReplicas(change) {
				return lost
			}
			return nil
		}
		require.ErrorIs(t, c.turn(), api.ErrUnknownOutcome)
		require.Equal(t, states(state.OperationPending), c.states())
		c.before = func(state.Change) error { return nil }
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationPending), c.states(), "its change may yet come")
		c.now = c.now.Add(pendingTime)
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationCancelled, state.OperationRunning), c.states())
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationCancelled, state.OperationDone), c.states())
		require.Equal(t, []string{"n0", "n2", "n3"}, c.shard(0).Nodes)
	})
	t.Run("after the replicas were changed", func(t *testing.T) {
		c := newCluster(t, 4, 1, 3)
		c.down["n1"] = grace + time.Second
		c.lag[c.shard(0).ID] = true
		c.after = func(change state.Change) error {
			if setReplicas(change) {
				return lost
			}
			return nil
		}
		require.ErrorIs(t, c.turn(), api.ErrUnknownOutcome)
		require.Equal(t, states(state.OperationPending), c.states())
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationRunning), c.states())
		c.lag = map[string]bool{}
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationDone), c.states())
		require.Len(t, c.View().Operations(), 1)
	})
	t.Run("and another change came first", func(t *testing.T) {
		c := newCluster(t, 4, 1, 3)
		c.down["n1"] = grace + time.Second
		c.before = func(change state.Change) error {
			if setReplicas(change) {
				return lost
			}
			return nil
		}
		require.Error(t, c.turn())
		s := c.shard(0)
		c.must(state.SetReplicas{Shard: s.ID, Epoch: s.Epoch, Nodes: []string{"n0", "n2"}})
		s = c.shard(0)
		c.must(state.SetReplicas{Shard: s.ID, Epoch: s.Epoch, Nodes: []string{"n0", "n2", "n3"}})
		require.NoError(t, c.turn())
		require.Equal(t, states(state.OperationCancelled), c.states())
	})
}

func TestTargetGoesAway(t *testing.T) {
	c := newCluster(t, 5, 1, 3)
	c.down["n1"] = grace + time.Second
	c.lag[c.shard(0).ID], c.silent[c.shard(0).ID] = true, true
	require.NoError(t, c.turn())
	require.Equal(t, []string{"n0", "n2", "n3"}, c.shard(0).Nodes)
	c.down["n3"] = grace
	require.Error(t, c.turn(), "nobody can be asked")
	require.Equal(t, states(state.OperationRunning), c.states())
	c.down["n3"] = grace + time.Second
	require.Error(t, c.turn())
	require.Equal(t, states(state.OperationFailed, state.OperationRunning), c.states())
	require.Contains(t, c.View().Operations()[0].Error, "n3")
	require.Equal(t, []string{"n0", "n2", "n4"}, c.shard(0).Nodes)
}

func TestDeletedIndex(t *testing.T) {
	c := newCluster(t, 4, 1, 3)
	c.down["n1"] = grace + time.Second
	c.lag[c.shard(0).ID] = true
	require.NoError(t, c.turn())
	x := c.View().Indexes()[0]
	c.must(state.DeleteIndex{Name: x.Name, UUID: x.UUID})
	require.NoError(t, c.turn())
	require.Equal(t, states(state.OperationCancelled), c.states())
	require.Contains(t, c.View().Operations()[0].Error, "deleted")
}

func TestParallel(t *testing.T) {
	for _, failing := range []bool{false, true} {
		t.Run(fmt.Sprint("changes of unknown outcome ", failing), func(t *testing.T) {
			c := newCluster(t, 8, 40, 3)
			c.must(state.PutSetting{Key: state.SettingRebuildParallel, Value: "3"})
			c.down["n1"], c.down["n2"] = grace*2, grace*2
			for i := range 40 {
				c.lag[c.shard(i).ID] = true
			}
			turns := 0
			c.after = func(change state.Change) error {
				if _, ok := change.(state.SetReplicas); ok && failing {
					return api.ErrUnknownOutcome
				}
				return nil
			}
			for ; turns < 400; turns++ {
				if err := c.turn(); !failing {
					require.NoError(t, err)
				}
				require.LessOrEqual(t, c.running(), 3)
				busy := map[string]bool{}
				for _, o := range c.View().Operations() {
					if !o.State.Ended() {
						require.False(t, busy[o.Shard], "two at a time for one shard")
						busy[o.Shard] = true
						c.lag[o.Shard] = turns%3 != 0
					}
				}
				if c.running() == 0 {
					break
				}
			}
			require.Less(t, turns, 400)
			for i := range 40 {
				require.Len(t, c.shard(i).Nodes, 3)
				require.False(t, slices.Contains(c.shard(i).Nodes, "n1") || slices.Contains(c.shard(i).Nodes, "n2"))
			}
		})
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4, 1, 3)
		c.down["n1"] = grace * 2
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.reconciler().Run(ctx)
		}()
		<-time.After(time.Minute)
		synctest.Wait()
		require.Empty(t, c.states(), "who doesn't lead does nothing")
		c.leads.Store(true)
		<-time.After(3 * time.Second)
		synctest.Wait()
		require.Equal(t, states(state.OperationDone), c.states())
		cancel()
		<-done
	})
}

func TestOperationID(t *testing.T) {
	id := operationID(state.ShardID(fmt.Sprintf("%032x", 1), 4095), 4_000_000_000_000)
	require.LessOrEqual(t, len(id), state.MaxIDBytes)
	require.NotEqual(t, id, operationID(state.ShardID(fmt.Sprintf("%032x", 1), 4095), 4_000_000_000_001))
}
