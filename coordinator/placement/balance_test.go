package placement

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/coordinator/state"
)

// rules of the tests.
var testRules = Rules{DiskLow: 85, DiskHigh: 90, Most: 100}

// heavy is a world whose shards and disks have a load.
type heavy struct {
	*world
	loads Loads
}

func newHeavy(t require.TestingT) *heavy {
	return &heavy{world: newWorld(t), loads: Loads{Shards: map[string]ShardLoad{}, Disks: map[string]Disk{}}}
}

// objective is what a plan makes small, in this order.
type objective struct {
	overflow   float64
	pairs      int
	unevenness float64
}

func (h *heavy) objective() objective {
	b := newBalance(h.view(), h.candidates(), h.loads, testRules)
	var o objective
	for _, w := range b.seats {
		o.overflow += w.overflow(testRules)
		for _, d := range [][2]float64{
			{w.replicas, b.mean.replicas}, {w.bytes, b.mean.bytes}, {w.reads, b.mean.reads},
		} {
			if d[1] > 0 {
				o.unevenness += d[0] * d[0] / (d[1] * d[1])
			}
		}
	}
	for _, p := range b.shards {
		o.pairs += zonePairs(h.view(), p.nodes)
	}
	return o
}

// less reports whether one is better, by more than rounding.
func (o objective) less(other objective) bool {
	switch {
	case o.overflow < other.overflow-0.5 && o.pairs <= other.pairs:
		return true
	case o.pairs != other.pairs:
		return o.pairs < other.pairs && o.overflow <= other.overflow+0.5
	}
	return o.overflow <= other.overflow+0.5 && o.unevenness < other.unevenness
}

// do makes a move.
func (h *heavy) do(m Move) {
	_, s, ok := h.view().Shard(m.Shard)
	require.True(h.t, ok)
	require.Contains(h.t, s.Nodes, m.From)
	require.NotContains(h.t, s.Nodes, m.To)
	n, ok := h.view().Node(m.To)
	require.True(h.t, ok && n.HoldsReplicas() && h.down[m.To] == 0, "%s can't get a replica", m.To)
	require.NoError(h.t, Fits(h.view(), m.To, h.loads.Disks[m.To], m.Bytes))
	h.apply(state.SetReplicas{Shard: m.Shard, Epoch: s.Epoch, Nodes: replace(s.Nodes, m.From, m.To)})
	for id, sign := range map[string]int64{m.From: 1, m.To: -1} {
		if d := h.loads.Disks[id]; d.Total > 0 {
			d.Free = uint64(int64(d.Free) + sign*int64(m.Bytes))
			h.loads.Disks[id] = d
		}
	}
}

func TestBalance(t *testing.T) {
	t.Run("a new node gets its share", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a", "b", "c")
		h.create("x", 6, 2)
		require.Empty(t, Balance(h.view(), h.candidates(), h.loads, testRules).Moves)
		h.join("", "d")
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.Len(t, plan.Moves, 3)
		for _, m := range plan.Moves {
			require.Equal(t, "d", m.To)
			require.Contains(t, m.Reason, ", node d ")
			h.do(m)
		}
		require.Empty(t, plan.Unmet)
		for _, c := range plan.After {
			require.Equal(t, 3, c.Replicas)
		}
		require.Empty(t, Balance(h.view(), h.candidates(), h.loads, testRules).Moves)
	})
	t.Run("a full disk is relieved first", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a", "b", "c")
		h.createOn("x", 1, []string{"a"}, []string{"b"}, []string{"c"})
		h.loads.Shards = map[string]ShardLoad{"x-0": {Bytes: 100}, "x-1": {Bytes: 100}, "x-2": {Bytes: 100}}
		h.loads.Disks = map[string]Disk{"a": {1000, 50}, "b": {1000, 160}, "c": {1000, 900}}
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.Len(t, plan.Moves, 1)
		require.Equal(t, "a", plan.Moves[0].From)
		require.Equal(t, "c", plan.Moves[0].To)
		require.Contains(t, plan.Moves[0].Reason, "disk of node a is used to 95 %")
	})
	t.Run("and said if that can't be", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a", "b")
		h.createOn("x", 1, []string{"a"})
		h.loads.Shards = map[string]ShardLoad{"x-0": {Bytes: 100}}
		h.loads.Disks = map[string]Disk{"a": {1000, 50}, "b": {1000, 200}}
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.Empty(t, plan.Moves)
		require.Len(t, plan.Unmet, 1)
		require.Contains(t, plan.Unmet[0], "disk of node a")
	})
	t.Run("replicas go to other zones", func(t *testing.T) {
		h := newHeavy(t)
		h.join("z1", "a", "b")
		h.createOn("x", 2, []string{"a", "b"})
		h.join("z2", "c")
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.Len(t, plan.Moves, 1)
		require.Equal(t, "c", plan.Moves[0].To)
		require.Contains(t, plan.Moves[0].Reason, `zone "z1" has two`)
	})
	t.Run("hot and large shards are spread", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a", "b")
		h.createOn("x", 1, []string{"a"}, []string{"a"}, []string{"b"}, []string{"b"})
		h.loads.Shards = map[string]ShardLoad{
			"x-0": {1000, 100}, "x-1": {1000, 100}, "x-2": {10, 1}, "x-3": {10, 1},
		}
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.NotEmpty(t, plan.Moves)
		for _, m := range plan.Moves {
			h.do(m)
		}
		held := map[string]string{}
		for _, s := range h.view().Indexes()[0].Shards {
			held[s.ID] = s.Nodes[0]
		}
		require.NotEqual(t, held["x-0"], held["x-1"])
	})
	t.Run("nothing goes to or from those that are away or drained", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a", "b", "c", "d")
		h.createOn("x", 1, []string{"a"}, []string{"a"}, []string{"a"}, []string{"b"})
		h.apply(state.RaiseLevel{Level: state.Level})
		h.down["c"] = time.Hour
		h.apply(state.StartDrain{
			Node: "d", Instance: "i-d", Drain: state.Drain{Mode: state.DrainRestart, Operation: "o", UntilMillis: 9},
			Operation: state.Operation{ID: "o", Kind: "drain", State: state.OperationRunning},
		})
		plan := Balance(h.view(), h.candidates(), h.loads, testRules)
		require.Len(t, plan.Moves, 1)
		require.Equal(t, "b", plan.Moves[0].To)
	})
	t.Run("at most so many", func(t *testing.T) {
		h := newHeavy(t)
		h.join("", "a")
		h.create("x", 20, 1)
		h.join("", "b")
		rules := testRules
		rules.Most = 3
		plan := Balance(h.view(), h.candidates(), h.loads, rules)
		require.Len(t, plan.Moves, 3)
		require.True(t, plan.More)
	})
}

func TestBalanceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHeavy(t)
		zones := rapid.IntRange(1, 3).Draw(t, "zones")
		nodes := rapid.IntRange(1, 6).Draw(t, "nodes")
		var ids []string
		for i := range nodes {
			id := fmt.Sprint("n", i)
			h.join(fmt.Sprint("z", i%zones), id)
			ids = append(ids, id)
			if rapid.Bool().Draw(t, "disk known") {
				h.loads.Disks[id] = Disk{Total: 10_000, Free: uint64(rapid.IntRange(300, 9_000).Draw(t, "free"))}
			}
		}
		for x := range rapid.IntRange(1, 3).Draw(t, "indexes") {
			replicas := rapid.IntRange(1, min(3, nodes)).Draw(t, "replicas")
			var placed [][]string
			for range rapid.IntRange(1, 6).Draw(t, "shards") {
				placed = append(placed, rapid.Permutation(ids).Draw(t, "on")[:replicas])
			}
			name := fmt.Sprint("x", x)
			h.createOn(name, replicas, placed...)
			for i := range placed {
				h.loads.Shards[state.ShardID(name, i)] = ShardLoad{
					Bytes: uint64(rapid.IntRange(0, 800).Draw(t, "bytes")),
					Reads: float64(rapid.IntRange(0, 50).Draw(t, "reads")),
				}
			}
		}
		if rapid.IntRange(0, 4).Draw(t, "one is away") == 0 {
			h.down[ids[0]] = time.Hour
		}
		moves := 0
		for round := 0; ; round++ {
			plan := Balance(h.view(), h.candidates(), h.loads, testRules)
			require.Equal(t, plan, Balance(h.view(), h.candidates(), h.loads, testRules), "the same must give the same")
			if len(plan.Moves) == 0 {
				break
			}
			require.Less(t, round, 20, "it never comes to rest")
			seen := map[string]bool{}
			for _, m := range plan.Moves {
				require.False(t, seen[m.Shard], "a shard twice")
				seen[m.Shard] = true
				require.NotEmpty(t, m.Reason)
				before := h.objective()
				h.do(m)
				require.True(t, h.objective().less(before), "no gain: %+v then %+v by %+v", before, h.objective(), m)
				moves++
			}
		}
		h.rest(t)
	})
}

// rest checks that no single move would serve one of the first two rules.
func (h *heavy) rest(t *rapid.T) {
	b := newBalance(h.view(), h.candidates(), h.loads, testRules)
	for _, p := range b.shards {
		for _, from := range p.nodes {
			for _, to := range b.seats {
				w := b.byID[from]
				if p.moved || w == nil || slices.Contains(p.nodes, to.id) || !to.fits(p.load.Bytes, testRules.DiskLow) {
					continue
				}
				pairs := zonePairs(h.view(), replace(p.nodes, from, to.id)) - zonePairs(h.view(), p.nodes)
				require.GreaterOrEqual(t, pairs, 0, "%s could go from %s to %s", p.shard.ID, from, to.id)
				if pairs == 0 && p.load.Bytes > 0 {
					require.Zero(t, w.overflow(testRules), "%s could leave %s for %s", p.shard.ID, from, to.id)
				}
			}
		}
	}
}

func TestRefuse(t *testing.T) {
	h := newHeavy(t)
	h.apply(state.FoundCluster{ClusterID: "c", Level: state.Level})
	h.join("z1", "a", "b", "full", "gone", "leaving")
	h.join("z2", "far")
	h.apply(state.RegisterNode{Node: state.Node{
		ID: "g", Instance: "g", Roles: []state.Role{state.RoleGateway}, Level: state.Level,
	}})
	h.createOn("x", 2, []string{"a", "far"}, []string{"a", "gone"})
	h.disk["full"], h.down["gone"] = 85, time.Second
	h.apply(state.StartDrain{
		Node: "leaving", Instance: "i-leaving", Drain: state.Drain{Mode: state.DrainRemove, Operation: "o"},
		Operation: state.Operation{ID: "o", Kind: "drain", State: state.OperationRunning},
	})
	refuse := func(shard, from, to string) error {
		_, s, ok := h.view().Shard(shard)
		require.True(t, ok)
		return Refuse(h.view(), h.candidates(), s, from, to)
	}
	require.NoError(t, refuse("x-0", "a", "b"))
	require.NoError(t, refuse("x-0", "", "b"))
	require.NoError(t, refuse("x-0", "a", ""))
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{"a", "a", ErrSameNode}, {"a", "far", ErrSameNode}, {"b", "full", ErrNoReplica}, {"a", "none", ErrUnknownNode},
		{"a", "g", ErrUnknownNode}, {"a", "full", ErrFull}, {"a", "gone", ErrAway}, {"a", "leaving", ErrDraining},
		{"far", "b", ErrSameZone},
	} {
		require.ErrorIs(t, refuse("x-0", c.from, c.to), c.want, "%s to %s", c.from, c.to)
	}
	require.ErrorIs(t, refuse("x-1", "a", "b"), ErrUnhealthy)
	require.ErrorIs(t, Fits(h.view(), "b", Disk{1000, 200}, 100), ErrFull)
	require.NoError(t, Fits(h.view(), "b", Disk{1000, 200}, 40))
	require.NoError(t, Fits(h.view(), "b", Disk{}, 40))
	_, s, _ := h.view().Shard("x-0")
	h.apply(state.BeginMove{Shard: "x-0", Epoch: s.Epoch, From: "a", To: "b", Operation: state.Operation{
		ID: "m", Kind: "move", State: state.OperationRunning,
	}})
	require.ErrorIs(t, refuse("x-0", "far", "full"), ErrMoving)
}

func TestExplain(t *testing.T) {
	h := newHeavy(t)
	h.join("z1", "a", "b", "full")
	h.createOn("x", 3, []string{"a", "b"})
	h.disk["full"] = 99
	x := h.view().Indexes()[0]
	explain := func() ([]Verdict, string) {
		return Explain(h.view(), h.candidates(), h.loads, testRules, x, x.Shards[0])
	}
	nodes, unassigned := explain()
	require.Len(t, nodes, 3)
	require.True(t, nodes[0].Here && nodes[1].Here)
	require.Contains(t, nodes[0].Reasons, `zone "z1" has another one, on node b`)
	require.False(t, nodes[2].Possible)
	require.Contains(t, nodes[2].Reasons[0], "99 %")
	require.Contains(t, unassigned, "1 of 3 replicas have no node")
	h.disk["full"], h.down["b"] = 10, time.Second
	nodes, unassigned = explain()
	require.True(t, nodes[2].Possible)
	require.Contains(t, nodes[2].Reasons[0], "it might")
	require.Contains(t, unassigned, "not made yet")
	require.Contains(t, nodes[1].Reasons[1], "the node is away")
}
