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

const grace = 5 * time.Minute

// world is a metadata state and the nodes as they are.
type world struct {
	t     require.TestingT
	state *state.State
	// down is how long a node has been away; disk how full its disk is.
	down map[string]time.Duration
	disk map[string]int
}

func newWorld(t require.TestingT) *world {
	return &world{t: t, state: state.New(), down: map[string]time.Duration{}, disk: map[string]int{}}
}

func (w *world) apply(c state.Change) {
	payload, err := state.Encode(c)
	require.NoError(w.t, err)
	typ, version := state.Kind(c)
	r, err := w.state.Apply(state.Command{
		Index: w.state.View().Applied() + 1, Type: typ, Version: version, Payload: payload,
	})
	require.NoError(w.t, err)
	require.NoError(w.t, r.Err)
}

func (w *world) view() *state.View { return w.state.View() }

func (w *world) join(zone string, ids ...string) {
	for _, id := range ids {
		w.apply(state.RegisterNode{Node: state.Node{
			ID: id, Instance: "i-" + id, Zone: zone, Roles: []state.Role{state.RoleShard}, Level: state.Level,
		}})
	}
}

func (w *world) candidates() []Candidate {
	var out []Candidate
	for _, n := range w.view().Nodes() {
		down := w.down[n.ID]
		out = append(out, Candidate{Node: n, Alive: down == 0, DownFor: down, DiskUsedPercent: w.disk[n.ID]})
	}
	return out
}

// create makes an index where Place says, and founds its shards.
func (w *world) create(name string, shards, replicas int) {
	nodes, err := Place(w.view(), w.candidates(), shards, replicas)
	require.NoError(w.t, err)
	w.createOn(name, replicas, nodes...)
}

func (w *world) createOn(name string, replicas int, nodes ...[]string) {
	w.apply(state.CreateIndex{Name: name, UUID: name, Replicas: replicas, Shards: state.Layout(name, nodes)})
	for i := range nodes {
		w.apply(state.MarkFounded{Shard: state.ShardID(name, i)})
	}
}

// step applies what Repair says once, after checking it.
func (w *world) step() []Change {
	before := w.view()
	changes := Repair(before, w.candidates(), grace)
	require.Equal(w.t, changes, Repair(before, w.candidates(), grace), "the same must give the same")
	require.LessOrEqual(w.t, len(changes), before.RebuildParallel())
	seen := map[string]bool{}
	for _, c := range changes {
		require.False(w.t, seen[c.Shard], "two steps for one shard")
		seen[c.Shard] = true
		w.check(before, c)
		w.apply(state.SetReplicas{Shard: c.Shard, Epoch: c.Epoch, Nodes: c.Nodes})
	}
	return changes
}

// check holds a step to what is promised of it.
func (w *world) check(before *state.View, c Change) {
	_, s, ok := before.Shard(c.Shard)
	require.True(w.t, ok)
	require.True(w.t, s.Founded)
	require.NotEmpty(w.t, c.Reason)
	require.LessOrEqual(w.t, len(c.Add), 1)
	require.LessOrEqual(w.t, len(c.Remove), 1)
	require.Positive(w.t, len(c.Add)+len(c.Remove))
	want := slices.DeleteFunc(slices.Clone(s.Nodes), func(id string) bool { return slices.Contains(c.Remove, id) })
	require.Equal(w.t, append(want, c.Add...), c.Nodes)
	stay := 0
	for _, id := range s.Nodes {
		if w.down[id] == 0 && slices.Contains(c.Nodes, id) {
			stay++
		}
	}
	require.Positive(w.t, stay, "no living replica of %s is left: %s", c.Shard, c.Reason)
	for _, id := range c.Add {
		n, ok := before.Node(id)
		require.True(w.t, ok && n.HoldsReplicas() && w.down[id] == 0, "%s can't hold a replica", id)
		require.NotContains(w.t, s.Nodes, id)
		require.Contains(w.t, c.Reason, id)
	}
	for _, id := range c.Remove {
		require.Contains(w.t, s.Nodes, id)
		require.Contains(w.t, c.Reason, id)
	}
}

// settle applies Repair until it has nothing to say.
func (w *world) settle() (steps int) {
	for range 1000 {
		changes := w.step()
		if len(changes) == 0 {
			return steps
		}
		steps += len(changes)
	}
	require.Fail(w.t, "Repair does not come to an end")
	return 0
}

func (w *world) nodes(shard string) []string {
	_, s, ok := w.view().Shard(shard)
	require.True(w.t, ok)
	return s.Nodes
}

// range of counts over the nodes that are given, 0 for those without any.
func apart(counts map[string]int, ids []string) int {
	least, most := 1<<30, 0
	for _, id := range ids {
		least, most = min(least, counts[id]), max(most, counts[id])
	}
	return most - least
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("n%02d", i)
	}
	return out
}

func TestPlace(t *testing.T) {
	t.Run("no node", func(t *testing.T) {
		w := newWorld(t)
		_, err := Place(w.view(), nil, 1, 1)
		require.ErrorIs(t, err, ErrNoNodes)
		w.join("", "a")
		w.down["a"] = time.Second
		_, err = Place(w.view(), w.candidates(), 1, 1)
		require.ErrorIs(t, err, ErrNoNodes)
	})
	t.Run("numbers out of range", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a")
		for _, n := range [][2]int{{0, 1}, {1, 0}, {state.Slots + 1, 1}, {1, state.MaxReplicas + 1}} {
			_, err := Place(w.view(), w.candidates(), n[0], n[1])
			require.ErrorIs(t, err, state.ErrInvalid)
		}
	})
	t.Run("fewer nodes than replicas", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b")
		nodes, err := Place(w.view(), w.candidates(), 2, 3)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"a", "b"}, {"b", "a"}}, nodes)
	})
	t.Run("full disks come last", func(t *testing.T) {
		w := newWorld(t)
		w.join("z1", "a", "b")
		w.join("z2", "c")
		w.disk["c"] = 85
		nodes, err := Place(w.view(), w.candidates(), 1, 2)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"a", "b"}}, nodes)
		nodes, err = Place(w.view(), w.candidates(), 1, 3)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"a", "b", "c"}}, nodes)
	})
	t.Run("a removed node and a gateway get none", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b")
		w.create("i", 1, 2)
		w.apply(state.RemoveNode{ID: "a", Instance: "i-a", Force: true})
		w.apply(state.RegisterNode{Node: state.Node{
			ID: "g", Instance: "g", Roles: []state.Role{state.RoleGateway}, Level: state.Level,
		}})
		nodes, err := Place(w.view(), w.candidates(), 1, 3)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"b"}}, nodes)
	})
	t.Run("small indexes have their leaders everywhere", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		leads := map[string]int{}
		for i := range 6 {
			name := fmt.Sprint("i", i)
			w.create(name, 1, 3)
			leads[w.nodes(name + "-0")[0]]++
		}
		require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, leads)
	})
	t.Run("an index is even by itself, whatever was there before", func(t *testing.T) {
		w := newWorld(t)
		w.join("z1", "a", "b")
		w.join("z2", "c", "d")
		w.createOn("old", 3, []string{"a", "b", "c"}, []string{"a", "b", "c"}, []string{"a", "b", "c"})
		nodes, err := Place(w.view(), w.candidates(), 2, 1)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"d"}, {"a"}}, nodes, "one in each zone")
		nodes, err = Place(w.view(), w.candidates(), 4, 4)
		require.NoError(t, err)
		leads := map[string]int{}
		for _, n := range nodes {
			leads[n[0]]++
		}
		require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, leads)
	})
	t.Run("no node depends on one other alone", func(t *testing.T) {
		w := newWorld(t)
		w.join("", names(6)...)
		w.create("i", 30, 2)
		for _, id := range names(6) {
			others := map[string]int{}
			for _, p := range w.view().ShardsOn(id) {
				for _, other := range p.Shard.Nodes {
					others[other]++
				}
			}
			delete(others, id)
			require.GreaterOrEqual(t, len(others), 4, "%s: %v", id, others)
			for _, n := range others {
				require.LessOrEqual(t, n, 6, "of 10 shards, %s: %v", id, others)
			}
		}
	})
	t.Run("a new node does not get a whole index", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b")
		w.create("old", 16, 1)
		w.join("", "c")
		nodes, err := Place(w.view(), w.candidates(), 7, 1)
		require.NoError(t, err)
		counts := map[string]int{}
		for _, n := range nodes {
			counts[n[0]]++
		}
		require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 3}, counts)
	})
}

func TestPlaceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		zones := rapid.IntRange(1, 4).Draw(t, "zones")
		each := rapid.IntRange(1, 4).Draw(t, "nodes in each zone")
		ids := names(zones * each)
		inBlocks := rapid.Bool().Draw(t, "zones in blocks")
		for i, id := range ids {
			zone := i % zones
			if inBlocks {
				zone = i / each
			}
			w.join(fmt.Sprint("z", zone), id)
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "indexes") {
			index := fmt.Sprint("i", i)
			shards, replicas := rapid.IntRange(1, 20).Draw(t, "shards"), rapid.IntRange(1, 5).Draw(t, "replicas")
			w.create(index, shards, replicas)
			x, _ := w.view().Index(index)
			ofIndex, leads := map[string]int{}, map[string]int{}
			for _, s := range x.Shards {
				require.Len(t, s.Nodes, min(replicas, len(ids)))
				inZone := map[string]int{}
				for _, id := range s.Nodes {
					ofIndex[id]++
					n, _ := w.view().Node(id)
					inZone[n.Zone]++
				}
				leads[s.Nodes[0]]++
				require.Len(t, inZone, min(zones, len(s.Nodes)), "every zone before any twice")
			}
			require.LessOrEqual(t, apart(ofIndex, ids), 1, "replicas of one index: %v", ofIndex)
			require.LessOrEqual(t, apart(leads, ids), 1+zones, "leaders of one index: %v", leads)
		}
		require.LessOrEqual(t, apart(w.view().Holding(), ids), 1, "all replicas: %v", w.view().Holding())
		require.Empty(t, w.step(), "where all is well")
	})
}

func TestRepair(t *testing.T) {
	t.Run("nothing within the grace time", func(t *testing.T) {
		w := newWorld(t)
		w.join("", names(5)...)
		w.create("i", 4, 3)
		w.down["n00"] = grace
		require.Empty(t, w.step())
	})
	t.Run("a lost replica is rebuilt elsewhere", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		w.create("i", 1, 3)
		w.join("", "d")
		w.down["b"] = grace + 90*time.Second
		require.Equal(t, []Change{{
			Shard: "i-0", Epoch: 1, Nodes: []string{"a", "c", "d"}, Add: []string{"d"}, Remove: []string{"b"},
			Reason: "node b has been away for 6m30s, longer than 5m0s: node d takes over its replica of shard i-0",
		}}, w.step())
		require.Empty(t, w.step())
	})
	t.Run("a lost replica stays where there is no other node", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		w.create("i", 1, 3)
		w.down["b"] = time.Hour
		require.Empty(t, w.step())
		w.join("", "d")
		require.Len(t, w.step(), 1)
	})
	t.Run("missing replicas are made when nodes come", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a")
		w.create("i", 1, 3)
		require.Empty(t, w.step())
		w.join("", "b", "c")
		require.Equal(t, []string{"b"}, w.step()[0].Add)
		require.Equal(t, []string{"c"}, w.step()[0].Add)
		require.Empty(t, w.step())
	})
	t.Run("a new replica goes into a zone that has none", func(t *testing.T) {
		w := newWorld(t)
		w.join("z1", "a", "b")
		w.join("z2", "c", "d")
		w.create("i", 1, 2)
		require.Equal(t, []string{"a", "c"}, w.nodes("i-0"))
		w.down["c"] = time.Hour
		w.settle()
		require.Equal(t, []string{"a", "d"}, w.nodes("i-0"))
	})
	t.Run("a replica that leaves a zone makes room in it", func(t *testing.T) {
		w := newWorld(t)
		w.join("z1", "a", "b")
		w.join("z2", "c", "d")
		// b has more than d, so that nothing but the zones speaks for it.
		w.createOn("i", 2, []string{"a", "c"}, []string{"b", "c"}, []string{"b", "c"})
		w.down["a"] = time.Hour
		w.settle()
		require.Equal(t, []string{"c", "b"}, w.nodes("i-0"))
	})
	t.Run("what is too many is taken from all alike", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		same := []string{"a", "b", "c"}
		w.createOn("i", 3, same, same, same, same, same, same)
		w.apply(state.SetCopies{Name: "i", UUID: "i", Replicas: 2})
		require.Len(t, w.step(), 6)
		require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4}, w.view().Holding())
	})
	t.Run("the last living replica of as many as can be stays", func(t *testing.T) {
		w := newWorld(t)
		ids := names(state.MaxReplicas + 1)
		w.join("", ids...)
		w.createOn("i", state.MaxReplicas, ids[1:])
		for _, id := range ids[2:] {
			w.down[id] = time.Second
		}
		w.apply(state.RemoveNode{ID: ids[1], Instance: "i-" + ids[1], Force: true})
		require.Empty(t, w.step())
		delete(w.down, ids[2])
		require.Equal(t, ids[1:2], w.step()[0].Remove)
	})
	t.Run("what is too many is taken where a zone has two", func(t *testing.T) {
		w := newWorld(t)
		w.join("z1", "a", "b")
		w.join("z2", "c")
		w.createOn("i", 3, []string{"a", "b", "c"})
		w.apply(state.SetCopies{Name: "i", UUID: "i", Replicas: 2})
		require.Equal(t, []string{"b"}, w.step()[0].Remove)
		w.apply(state.SetCopies{Name: "i", UUID: "i", Replicas: 1})
		w.down["a"] = time.Second
		require.Equal(t, []string{"a"}, w.step()[0].Remove)
		require.Empty(t, w.step())
	})
	t.Run("the last living replica is copied before it goes", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b")
		w.createOn("i", 1, []string{"a"})
		w.apply(state.RemoveNode{ID: "a", Instance: "i-a", Force: true})
		require.Equal(t, []string{"a", "b"}, w.step()[0].Nodes)
		require.Equal(t, []string{"b"}, w.step()[0].Nodes)
		require.Empty(t, w.step())
	})
	t.Run("a shard without a living replica is left alone", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		w.createOn("i", 2, []string{"a", "b"})
		w.down["a"], w.down["b"] = time.Hour, time.Hour
		require.Empty(t, w.step())
	})
	t.Run("a shard that is not founded is left alone", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c")
		w.apply(state.CreateIndex{Name: "i", UUID: "i", Replicas: 2, Shards: state.Layout("i", [][]string{{"a"}})})
		require.Empty(t, w.step())
	})
	t.Run("an index of a single node is left alone", func(t *testing.T) {
		w := newWorld(t)
		w.apply(state.CreateIndex{Name: "i", UUID: "i"})
		w.join("", "a")
		require.Empty(t, w.step())
	})
	t.Run("the most endangered come first, a bounded number at a time", func(t *testing.T) {
		w := newWorld(t)
		w.join("", "a", "b", "c", "d")
		for i := range 20 {
			w.createOn(fmt.Sprintf("i%02d", i), 3, []string{"a", "b", "c"})
		}
		w.createOn("z", 2, []string{"a", "b"})
		w.apply(state.PutSetting{Key: state.SettingRebuildParallel, Value: "3"})
		w.down["a"] = time.Hour
		changes := w.step()
		require.Len(t, changes, 3)
		require.Equal(t, "z-0", changes[0].Shard)
		require.Equal(t, 21-3, w.settle())
	})
	t.Run("a lost node's replicas are spread over the others", func(t *testing.T) {
		w := newWorld(t)
		w.join("", names(6)...)
		w.create("i", 30, 2)
		w.down["n00"] = time.Hour
		w.settle()
		require.LessOrEqual(t, apart(w.view().Holding(), names(6)[1:]), 1)
	})
}

func TestRepairProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		ids := names(rapid.IntRange(1, 9).Draw(t, "nodes"))
		zones := rapid.IntRange(1, 3).Draw(t, "zones")
		for i, id := range ids {
			w.join(fmt.Sprint("z", i%zones), id)
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "indexes") {
			w.create(fmt.Sprint("i", i), rapid.IntRange(1, 6).Draw(t, "shards"), rapid.IntRange(1, 4).Draw(t, "replicas"))
		}
		require.Empty(t, w.step(), "where all is well")
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			id := rapid.SampledFrom(ids).Draw(t, "node")
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1:
				w.down[id] = rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(t, "down")
			case 2:
				delete(w.down, id)
			case 3:
				x := rapid.SampledFrom(w.view().Indexes()).Draw(t, "index")
				w.apply(state.SetCopies{
					Name: x.Name, UUID: x.UUID, Replicas: rapid.IntRange(1, state.MaxReplicas).Draw(t, "copies"),
				})
			case 4:
				if n, ok := w.view().Node(id); ok {
					w.apply(state.RemoveNode{ID: id, Instance: n.Instance, Force: true})
				}
			case 5:
				w.disk[id] = rapid.IntRange(0, 100).Draw(t, "disk")
			}
			if rapid.Bool().Draw(t, "at rest") {
				w.settle()
				w.rest()
			}
		}
		w.settle()
		w.rest()
	})
}

// rest checks that nothing is left that could be bettered.
func (w *world) rest() {
	usable := 0
	for _, c := range w.candidates() {
		if c.usable() {
			usable++
		}
	}
	for _, x := range w.view().Indexes() {
		for _, s := range x.Shards {
			alive, well := 0, 0
			for _, id := range s.Nodes {
				n, ok := w.view().Node(id)
				require.True(w.t, ok)
				if w.down[id] == 0 {
					alive++
				}
				if n.HoldsReplicas() && w.down[id] <= grace {
					well++
				}
			}
			if alive == 0 {
				continue
			}
			if len(s.Nodes) < x.Replicas {
				require.Zero(w.t, w.spare(s), "shard %s could have more replicas", s.ID)
			}
			if well < len(s.Nodes) && well < x.Replicas {
				require.True(w.t, w.spare(s) == 0 || len(s.Nodes) == state.MaxReplicas, "shard %s could be healed", s.ID)
			}
			if well == len(s.Nodes) {
				require.LessOrEqual(w.t, well, x.Replicas)
			}
		}
	}
}

// spare counts the usable nodes without a replica of the shard.
func (w *world) spare(s state.Shard) int {
	n := 0
	for _, c := range w.candidates() {
		if c.usable() && !slices.Contains(s.Nodes, c.Node.ID) {
			n++
		}
	}
	return n
}
