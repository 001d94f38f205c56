package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/coordinator/state"
)

// Group implements Moves: what was set, else a group that has gone along with everything.
func (c *cluster) Group(_ context.Context, s state.Shard, node string) (Group, error) {
	if c.silent[s.ID] {
		return Group{}, errors.New("nobody answers")
	}
	if g, ok := c.groups[s.ID+" "+node]; ok {
		return g, nil
	}
	member := slices.Contains(s.Members(), node)
	return Group{Led: true, Member: member, Voter: member, Settled: true, Serving: member, Gone: !member}, nil
}

func (c *cluster) SearchP95(context.Context, *state.View) time.Duration { return c.p95 }

func (c *cluster) Busy(_ context.Context, node string) (leads, inFlight int, err error) {
	if _, away := c.down[node]; away {
		return 0, 0, errors.New("it is stopped")
	}
	return c.leading[node], c.calling[node], nil
}

// newMovable is a cluster of the newest level.
func newMovable(t testing.TB, nodes, shards, replicas int) *cluster {
	c := newCluster(t, nodes, shards, replicas)
	c.must(state.RaiseLevel{Level: state.Level})
	return c
}

// operationOf gives an operation as it is.
func (c *cluster) operationOf(id string) state.Operation {
	o, ok := c.View().Operation(id)
	require.True(c.t, ok, id)
	return o
}

// beginMove begins a move of shard i.
func (c *cluster) beginMove(id string, i int, from, to string) {
	s := c.shard(i)
	c.must(state.BeginMove{Shard: s.ID, Epoch: s.Epoch, From: from, To: to, Operation: state.Operation{
		ID: id, Kind: KindMove, State: state.OperationRunning, Index: "papers", Shard: s.ID, From: from, Node: to,
		Step: StepAdd, CreatedMillis: 1, UpdatedMillis: 1, StartedMillis: 1,
	}})
}

func (c *cluster) turnOf(r *Reconciler) {
	c.now = c.now.Add(time.Second)
	require.NoError(c.t, r.Turn(context.Background()))
}

func steer(id string, action state.Steering) state.SteerOperation {
	return state.SteerOperation{ID: id, Action: action, By: "ann", Millis: 1}
}

func TestMoveSteps(t *testing.T) {
	begun := func(t *testing.T) (*cluster, *Reconciler, string) {
		c := newMovable(t, 4, 1, 3)
		c.beginMove("m", 0, "n0", "n3")
		return c, c.reconciler(), c.shard(0).ID
	}
	t.Run("one after the other", func(t *testing.T) {
		c, r, id := begun(t)
		to, from := id+" n3", id+" n0"
		step := func(want string, g Group) {
			t.Helper()
			g.Led = true
			c.groups[to] = g
			c.turnOf(r)
			require.Equal(t, want, c.operationOf("m").Step)
			require.Equal(t, state.OperationRunning, c.operationOf("m").State)
		}
		step(StepAdd, Group{})
		step(StepCopy, Group{Member: true, Copied: 10, ToCopy: 100})
		require.EqualValues(t, 100, c.operationOf("m").TotalBytes)
		step(StepCatchUp, Group{Member: true, Copied: 100, ToCopy: 100})
		step(StepPromote, Group{Member: true, Serving: true, Copied: 100, ToCopy: 100})
		require.Equal(t, []string{"n0", "n1", "n2"}, c.shard(0).Nodes)
		c.unseen = true
		step(StepReaders, Group{Member: true, Serving: true, Voter: true})
		require.Equal(t, []string{"n3", "n1", "n2"}, c.shard(0).Nodes)
		require.Contains(t, c.shard(0).Members(), "n0")
		for range 10 {
			step(StepReaders, Group{})
		}
		c.unseen = false
		step(StepReaders, Group{})
		for range int(DefaultRest/time.Second) - 1 {
			step(StepReaders, Group{})
		}
		c.groups[from] = Group{Led: true}
		step(StepRemove, Group{})
		require.NotContains(t, c.shard(0).Members(), "n0")
		step(StepRemove, Group{})
		c.groups[from] = Group{Led: true, Settled: true}
		step(StepRemove, Group{})
		c.groups[from] = Group{Led: true, Settled: true, Gone: true}
		c.turnOf(r)
		require.Equal(t, state.OperationDone, c.operationOf("m").State)
		require.Empty(t, r.leaving)
	})
	t.Run("one that nobody tells of waits and says so", func(t *testing.T) {
		c, r, id := begun(t)
		c.silent[id] = true
		c.turnOf(r)
		require.Contains(t, c.operationOf("m").Error, "nobody answers")
		c.silent[id] = false
		c.turnOf(r)
		require.Empty(t, c.operationOf("m").Error)
	})
	t.Run("cancelled before the switch", func(t *testing.T) {
		c, r, id := begun(t)
		c.groups[id+" n3"] = Group{Led: true, Member: true}
		c.turnOf(r)
		c.must(steer("m", state.SteerCancel))
		c.turnOf(r)
		require.Equal(t, []string{"n0", "n1", "n2"}, c.shard(0).Members())
		require.Equal(t, state.OperationCancelling, c.operationOf("m").State)
		c.turnOf(r)
		require.Equal(t, state.OperationCancelling, c.operationOf("m").State) // its files are not gone yet
		c.groups[id+" n3"] = Group{Led: true, Settled: true, Gone: true}
		c.turnOf(r)
		require.Equal(t, state.OperationCancelled, c.operationOf("m").State)
	})
	t.Run("cancelled after the switch", func(t *testing.T) {
		c, r, _ := begun(t)
		c.turnOf(r)
		require.Equal(t, []string{"n3", "n1", "n2"}, c.shard(0).Nodes)
		c.must(steer("m", state.SteerCancel))
		for range 10 {
			c.turnOf(r)
		}
		require.Equal(t, []string{"n0", "n1", "n2"}, c.shard(0).Members())
		require.Equal(t, state.OperationCancelled, c.operationOf("m").State)
	})
	t.Run("paused", func(t *testing.T) {
		c, r, _ := begun(t)
		c.must(steer("m", state.SteerPause))
		for range 10 {
			c.turnOf(r)
		}
		require.Equal(t, []string{"n0", "n1", "n2"}, c.shard(0).Nodes)
		c.must(steer("m", state.SteerResume))
		for range 10 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationDone, c.operationOf("m").State)
	})
	t.Run("its target goes away", func(t *testing.T) {
		c, r, id := begun(t)
		c.groups[id+" n3"] = Group{Led: true, Member: true}
		c.turnOf(r)
		c.down["n3"] = grace + time.Second
		c.turnOf(r)
		require.Equal(t, state.OperationFailed, c.operationOf("m").State)
		require.Contains(t, c.operationOf("m").Error, "node n3 went away")
		require.Equal(t, []string{"n0", "n1", "n2"}, c.shard(0).Members())
	})
	t.Run("its index is deleted", func(t *testing.T) {
		c, r, _ := begun(t)
		x := c.View().Indexes()[0]
		c.must(state.DeleteIndex{Name: x.Name, UUID: x.UUID})
		c.turnOf(r)
		require.Equal(t, state.OperationCancelled, c.operationOf("m").State)
	})
	t.Run("a lost node is replaced by a move", func(t *testing.T) {
		c := newMovable(t, 4, 2, 3)
		r := c.reconciler()
		c.down["n1"] = grace + time.Second
		for range 12 {
			c.turnOf(r)
		}
		require.Len(t, c.View().Operations(), 2)
		for i := range 2 {
			o := c.View().Operations()[i]
			require.Equal(t, KindRebuild, o.Kind)
			require.Equal(t, state.OperationDone, o.State, o.Error)
			require.Equal(t, "n1", o.From)
			require.NotContains(t, c.shard(i).Members(), "n1")
			require.Len(t, c.shard(i).Members(), 3)
		}
	})
	t.Run("more and fewer copies", func(t *testing.T) {
		c := newMovable(t, 4, 1, 3)
		r := c.reconciler()
		x := c.View().Indexes()[0]
		for _, replicas := range []int{4, 2} {
			c.must(state.SetCopies{Name: x.Name, UUID: x.UUID, Replicas: replicas})
			for range 20 {
				c.turnOf(r)
			}
			require.Len(t, c.shard(0).Members(), replicas)
			require.Zero(t, c.running())
		}
	})
}

// TestMoveAnyhow loses leaders and commands at any moment, and cancels and pauses: the move ends, and its shard is where
// it was or where it was to be.
func TestMoveAnyhow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newMovable(t, 4, 1, 3)
		c.beginMove("m", 0, "n0", "n3")
		r := c.reconciler()
		lossy := true
		lose := func(state.Change) error {
			if lossy && rapid.IntRange(0, 5).Draw(rt, "lose") == 0 {
				return errors.New("no leader")
			}
			return nil
		}
		c.before, c.after = lose, lose
		cancelled := false
		for turn := range 60 {
			if turn == 30 {
				lossy = false
			}
			c.now = c.now.Add(time.Second)
			if lossy {
				switch rapid.IntRange(0, 12).Draw(rt, "what") {
				case 0:
					r = c.reconciler()
				case 1:
					c.groups[c.shard(0).ID+" n3"] = Group{Led: true, Member: true}
				case 2, 3:
					delete(c.groups, c.shard(0).ID+" n3")
				case 4:
					_, _ = c.apply(steer("m", state.SteerPause))
				case 5:
					_, _ = c.apply(steer("m", state.SteerResume))
				case 6:
					if _, err := c.apply(steer("m", state.SteerCancel)); err == nil {
						cancelled = true
					}
				}
			} else {
				delete(c.groups, c.shard(0).ID+" n3")
				_, _ = c.apply(steer("m", state.SteerResume))
			}
			_ = r.Turn(context.Background())
			nodes := c.shard(0).Nodes
			require.Len(rt, nodes, 3)
			require.Subset(rt, c.shard(0).Members(), []string{"n1", "n2"})
		}
		o := c.operationOf("m")
		require.True(rt, o.State.Ended(), "%+v", o)
		require.Nil(rt, c.shard(0).Move)
		want := []string{"n3", "n1", "n2"}
		if o.State == state.OperationCancelled {
			require.True(rt, cancelled)
			want = []string{"n0", "n1", "n2"}
		}
		require.Equal(rt, want, c.shard(0).Members(), "%+v", o)
	})
}

// plan notes a rebalance of moves, each "shard from to".
func (c *cluster) plan(moves ...[3]int) {
	all := []state.Operation{{
		ID: "r", Kind: KindRebalance, State: state.OperationRunning, RequestedBy: "ann", CreatedMillis: 1, StartedMillis: 1,
	}}
	for i, m := range moves {
		all = append(all, state.Operation{
			ID: fmt.Sprint("m", i), Kind: KindMove, State: state.OperationPending, Parent: "r", Shard: c.shard(m[0]).ID,
			From: fmt.Sprint("n", m[1]), Node: fmt.Sprint("n", m[2]), TotalBytes: 100, CreatedMillis: 1,
		})
	}
	c.must(state.BeginOperations{Operations: all})
}

func TestRebalance(t *testing.T) {
	t.Run("so many at a time, until all are done", func(t *testing.T) {
		c := newMovable(t, 4, 3, 1)
		c.must(state.PutSetting{Key: state.SettingMoveParallel, Value: "1"})
		c.plan([3]int{0, 0, 3}, [3]int{1, 1, 3}, [3]int{2, 2, 3})
		r := c.reconciler()
		for range 60 {
			c.turnOf(r)
			busy := 0
			for i := range 3 {
				if c.shard(i).Move != nil {
					busy++
				}
			}
			require.LessOrEqual(t, busy, 1)
		}
		require.Equal(t, state.OperationDone, c.operationOf("r").State, c.operationOf("r").Error)
		require.EqualValues(t, 3, c.operationOf("r").Done)
		require.EqualValues(t, 300, c.operationOf("r").Bytes)
		for i := range 3 {
			require.Equal(t, []string{"n3"}, c.shard(i).Members())
		}
	})
	t.Run("what can't be any more fails, the others go on", func(t *testing.T) {
		c := newMovable(t, 4, 2, 1)
		c.plan([3]int{0, 0, 3}, [3]int{1, 1, 2})
		c.down["n3"] = time.Second
		r := c.reconciler()
		for range 20 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationFailed, c.operationOf("m0").State)
		require.Contains(t, c.operationOf("m0").Error, "node is away: n3")
		require.Equal(t, state.OperationDone, c.operationOf("m1").State)
		require.Equal(t, state.OperationFailed, c.operationOf("r").State)
		require.Contains(t, c.operationOf("r").Error, "1 of 2 moves failed")
	})
	t.Run("pauses by itself while searches are slow", func(t *testing.T) {
		c := newMovable(t, 4, 1, 1)
		c.must(state.PutSetting{Key: state.SettingSearchObjective, Value: "50"})
		c.plan([3]int{0, 0, 3})
		r := c.reconciler()
		c.p95 = 51 * time.Millisecond
		for range 5 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationPaused, c.operationOf("r").State)
		require.Equal(t, state.Automatic, c.operationOf("r").PausedBy)
		require.Nil(t, c.shard(0).Move)
		c.p95 = 45 * time.Millisecond
		for range 60 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationPaused, c.operationOf("r").State)
		c.p95 = 10 * time.Millisecond
		for range int(calmTime/time.Second) + 20 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationDone, c.operationOf("r").State)
	})
	t.Run("a user's pause lasts", func(t *testing.T) {
		c := newMovable(t, 4, 1, 1)
		c.plan([3]int{0, 0, 3})
		r := c.reconciler()
		c.must(steer("r", state.SteerPause))
		for range 60 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationPaused, c.operationOf("r").State)
		require.Nil(t, c.shard(0).Move)
	})
	t.Run("cancelled", func(t *testing.T) {
		c := newMovable(t, 4, 3, 1)
		c.must(state.PutSetting{Key: state.SettingMoveParallel, Value: "1"})
		c.plan([3]int{0, 0, 3}, [3]int{1, 1, 3}, [3]int{2, 2, 3})
		r := c.reconciler()
		c.turnOf(r)
		c.must(steer("r", state.SteerCancel))
		for range 20 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationCancelled, c.operationOf("r").State)
		for i := range 3 {
			require.Equal(t, []string{fmt.Sprint("n", i)}, c.shard(i).Members())
		}
	})
}

func TestDrains(t *testing.T) {
	drain := func(c *cluster, mode state.DrainMode, until int64) {
		c.must(state.StartDrain{
			Node: "n0", Instance: "i0", Drain: state.Drain{
				Mode: mode, Operation: "d", SinceMillis: c.now.UnixMilli(), UntilMillis: until,
			}, Operation: state.Operation{ID: "d", Kind: KindDrain, State: state.OperationRunning, Node: "n0", StartedMillis: 1},
		})
	}
	t.Run("for a restart", func(t *testing.T) {
		c := newMovable(t, 4, 1, 3)
		r := c.reconciler()
		drain(c, state.DrainRestart, c.now.Add(time.Hour).UnixMilli())
		c.leading["n0"], c.calling["n0"] = 2, 3
		c.turnOf(r)
		require.Equal(t, StepLeaders, c.operationOf("d").Step)
		c.leading["n0"] = 0
		c.turnOf(r)
		require.Equal(t, StepCalls, c.operationOf("d").Step)
		c.calling["n0"] = 0
		c.turnOf(r)
		require.Equal(t, state.OperationDone, c.operationOf("d").State)
		n, _ := c.View().Node("n0")
		require.NotNil(t, n.Drain)
	})
	t.Run("it is not missed until its time is over", func(t *testing.T) {
		c := newMovable(t, 4, 1, 3)
		r := c.reconciler()
		drain(c, state.DrainRestart, c.now.Add(time.Hour).UnixMilli())
		c.down["n0"] = 2 * grace
		for range 10 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationDone, c.operationOf("d").State)
		require.Contains(t, c.shard(0).Members(), "n0")
		c.now = c.now.Add(time.Hour)
		for range 12 {
			c.turnOf(r)
		}
		require.NotContains(t, c.shard(0).Members(), "n0")
	})
	t.Run("for good", func(t *testing.T) {
		c := newMovable(t, 4, 2, 3)
		r := c.reconciler()
		drain(c, state.DrainRemove, 0)
		c.turnOf(r)
		require.Equal(t, StepReplicas, c.operationOf("d").Step)
		for range 30 {
			c.turnOf(r)
		}
		require.Equal(t, state.OperationDone, c.operationOf("d").State)
		require.Zero(t, c.View().Holding()["n0"])
	})
	t.Run("cancelled", func(t *testing.T) {
		c := newMovable(t, 3, 1, 3)
		r := c.reconciler()
		drain(c, state.DrainRemove, 0)
		for range 5 {
			c.turnOf(r)
		}
		c.must(steer("d", state.SteerCancel))
		c.turnOf(r)
		n, _ := c.View().Node("n0")
		require.Nil(t, n.Drain)
		require.Equal(t, state.OperationCancelled, c.operationOf("d").State)
	})
}
