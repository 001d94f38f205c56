package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

// The names in use are few, so that commands meet each other.
var (
	someNodes   = []string{"n1", "n2", "n3", "n4", "n5"}
	someIndexes = []string{"a", "b", "c"}
	someUUIDs   = []string{"u1", "u2", "u3", "u4", "u1-0"}
)

func draw[T any](t *rapid.T, from ...T) T { return rapid.SampledFrom(from).Draw(t, "one") }

func drawNodes(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom(append(someNodes, "unknown")), 0, 4).Draw(t, "nodes")
}

// drawChange gives a change that may or may not fit the view.
func drawChange(t *rapid.T, v *View) Change {
	switch rapid.IntRange(0, 25).Draw(t, "type") {
	case 0:
		return FoundCluster{ClusterID: draw(t, "c1", "c1", "c2", ""), Level: draw(t, LevelSingle, LevelCluster, Level)}
	case 1:
		return RaiseLevel{Level: draw(t, LevelSingle, LevelCluster, Level)}
	case 2, 3:
		n := node(draw(t, someNodes...))
		n.Instance += draw(t, "", "", "", "2")
		n.Zone = draw(t, "", "z1")
		n.Level = draw(t, Level, Level, LevelSingle)
		n.Roles = [][]Role{{RoleShard}, {RoleShard, RoleGateway}, {RoleGateway}}[draw(t, 0, 0, 1, 2)]
		return RegisterNode{Node: n}
	case 4:
		n := draw(t, someNodes...)
		return RemoveNode{ID: n, Instance: "i-" + n + draw(t, "", "", "2"), Force: rapid.Bool().Draw(t, "force")}
	case 5:
		c := CreateIndex{Name: draw(t, someIndexes...), UUID: draw(t, someUUIDs...), Replicas: draw(t, 0, 1, 2, 3)}
		c.Schema.Fields = map[string]api.Field{"title": {Type: api.TypeText}}
		if rapid.Bool().Draw(t, "dense") {
			c.Schema.Dense = &api.DenseConfig{Dims: 2, Fields: []string{"title"}, Model: draw(t, "", "m1")}
		}
		nodes := make([][]string, rapid.IntRange(0, 4).Draw(t, "shards"))
		for i := range nodes {
			nodes[i] = drawNodes(t)
			if n := len(v.Nodes()); n > 0 {
				nodes[i] = []string{v.Nodes()[rapid.IntRange(0, n-1).Draw(t, "node")].ID}
			}
		}
		c.Shards = Layout(c.UUID, nodes)
		return c
	case 6:
		return DeleteIndex{
			Name: draw(t, someIndexes...), UUID: draw(t, someUUIDs...), Remote: rapid.Bool().Draw(t, "remote"),
		}
	case 7, 8:
		if len(v.shards) == 0 || rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
			return SetReplicas{Shard: draw(t, someUUIDs...), Epoch: 1, Nodes: drawNodes(t)}
		}
		_, s, _ := v.Shard(drawShard(t, v))
		return SetReplicas{Shard: s.ID, Epoch: s.Epoch - draw(t, uint64(0), 0, 1), Nodes: drawNodes(t)}
	case 9:
		if len(v.shards) == 0 {
			return MarkFounded{Shard: "none"}
		}
		return MarkFounded{Shard: drawShard(t, v)}
	case 10:
		name, index := draw(t, "x", "y", "a"), draw(t, someIndexes...)
		if rapid.Bool().Draw(t, "delete") {
			return DeleteAlias{Name: name, Index: draw(t, "", index)}
		}
		return PutAlias{Name: name, Index: index}
	case 11:
		if rapid.Bool().Draw(t, "copies") {
			return SetCopies{Name: draw(t, someIndexes...), UUID: draw(t, someUUIDs...), Replicas: draw(t, 0, 1, 3)}
		}
		return PutOperation{Operation: Operation{
			ID: draw(t, "o1", "o2"), Kind: "rebuild", Done: draw[uint64](t, 1, 2),
			State: draw(t, OperationRunning, OperationCancelling, OperationDone),
		}}
	case 12, 13, 14, 15:
		return drawGeneration(t, v)
	case 16, 17, 18, 19, 20:
		return drawOperation(t, v)
	case 22, 23, 24, 25:
		return drawKey(t)
	}
	return PutSetting{Key: draw(t, SettingRebuildGrace, "colour"), Value: draw(t, "", "1", "x")}
}

// drawGeneration gives a change of the generations of an index, mostly one that there is.
func drawGeneration(t *rapid.T, v *View) Change {
	x := Index{Name: draw(t, someIndexes...), UUID: draw(t, someUUIDs...)}
	if n := len(v.Indexes()); n > 0 {
		x = v.Indexes()[rapid.IntRange(0, n-1).Draw(t, "index")]
	}
	number := rapid.IntRange(0, x.LastGeneration+1).Draw(t, "number")
	switch rapid.IntRange(0, 4).Draw(t, "step") {
	case 0, 1:
		c := begin(x.Name, x.UUID, number, draw(t, "", "m1", "m2"))
		c.Operation.ID += draw(t, "", "", "x")
		return c
	case 2:
		return SwitchGeneration{Name: x.Name, UUID: x.UUID, Generation: number}
	case 3:
		if rapid.Bool().Draw(t, "leftover") {
			return ForgetLeftover{UUID: draw(t, someUUIDs...)}
		}
		return CancelGeneration{Name: x.Name, UUID: x.UUID, Generation: number}
	}
	return ForgetGeneration{Name: x.Name, UUID: x.UUID, Generation: number}
}

// drawOperation gives a change of operations, moves or drains.
func drawOperation(t *rapid.T, v *View) Change {
	o := Operation{ID: draw(t, "o1", "o2", "o3"), Kind: "move", State: draw(t, OperationRunning, OperationPending)}
	kind := rapid.IntRange(0, 11).Draw(t, "kind")
	switch kind {
	case 0:
		part := Operation{ID: draw(t, "o4", "o5"), Kind: "move", State: OperationPending, Parent: draw(t, o.ID, "x")}
		return BeginOperations{Operations: []Operation{o, part}}
	case 1, 2:
		return SteerOperation{
			ID: o.ID, Action: draw(t, SteerPause, SteerResume, SteerCancel, SteerThrottle, "x"),
			By: draw(t, "ann", Automatic), Millis: 5,
		}
	case 3:
		n := draw(t, someNodes...)
		return StartDrain{Node: n, Instance: "i-" + n, Operation: o, Drain: Drain{
			Mode: draw(t, DrainRestart, DrainRemove, "x"), Operation: o.ID, SinceMillis: 3, UntilMillis: draw[int64](t, 0, 9),
		}}
	case 4:
		return EndDrain{Node: draw(t, someNodes...), Operation: o.ID}
	}
	if len(v.shards) == 0 {
		return EndMove{Shard: "none", Operation: o.ID}
	}
	_, s, _ := v.Shard(drawShard(t, v))
	id := o.ID
	if s.Move != nil && rapid.IntRange(0, 3).Draw(t, "own") > 0 {
		id = s.Move.Operation
	}
	switch kind {
	case 5, 6:
		return SwitchMove{Shard: s.ID, Operation: id}
	case 7:
		return EndMove{Shard: s.ID, Operation: id}
	case 8:
		return RevertMove{Shard: s.ID, Operation: id}
	}
	return BeginMove{
		Shard: s.ID, Epoch: s.Epoch - draw(t, uint64(0), 0, 1), From: draw(t, append(s.Nodes, "")...),
		To: draw(t, append(someNodes, "")...), Operation: o,
	}
}

func drawShard(t *rapid.T, v *View) string {
	var ids []string
	for _, x := range v.Indexes() {
		for _, s := range x.Shards {
			ids = append(ids, s.ID)
		}
	}
	return rapid.SampledFrom(ids).Draw(t, "shard")
}

// holds checks what is so in every state.
func holds(t require.TestingT, v *View) {
	shards := 0
	for _, x := range v.Indexes() {
		require.True(t, covers(x.Shards))
		for slot := 0; slot < Slots; slot += 97 {
			s := x.ShardFor(slot)
			require.True(t, s.From <= slot && slot < s.To)
		}
		shards += len(x.Shards)
		numbers := x.Generations()
		require.Len(t, slices.Compact(slices.Clone(numbers)), len(numbers), "a generation twice")
		for _, n := range numbers {
			require.LessOrEqual(t, n, x.LastGeneration)
		}
		if x.Next != nil {
			require.Greater(t, x.Next.Generation, x.Schema.Dense.Generation)
		}
		require.LessOrEqual(t, len(x.Retired), MaxRetired+1)
		for _, s := range x.Shards {
			in, found, ok := v.Shard(s.ID)
			require.True(t, ok)
			require.Equal(t, s, found)
			require.Equal(t, x.Name, in.Name)
			require.Positive(t, s.Epoch)
			require.NotEmpty(t, s.Nodes)
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(s.Nodes))), len(s.Nodes), "a node twice")
			holdsMove(t, s)
			for _, id := range s.Members() {
				_, registered := v.Node(id)
				require.True(t, registered || id == LocalNode, "%s is not registered", id)
			}
		}
	}
	require.Len(t, v.shards, shards)
	for _, a := range v.Aliases() {
		_, taken := v.Index(a.Name)
		require.False(t, taken, "alias %s has the name of an index", a.Name)
		_, ok := v.Resolve(a.Name)
		require.True(t, ok, "alias %s leads nowhere", a.Name)
	}
	held := v.Holding()
	for _, n := range v.Nodes() {
		require.True(t, n.State == NodeActive || held[n.ID] > 0, "%s is removed and holds nothing", n.ID)
		require.True(t, n.State != NodeActive || n.Level >= v.FeatureLevel(), "%s can't run the level", n.ID)
	}
	require.LessOrEqual(t, v.Version(), v.Applied())
}

// holdsMove checks what is so of every move.
func holdsMove(t require.TestingT, s Shard) {
	if s.Move == nil {
		require.Equal(t, s.Nodes, s.Members())
		return
	}
	m := *s.Move
	require.Len(t, s.Members(), len(s.Nodes)+1)
	require.NotContains(t, s.Nodes, s.beside())
	require.NotEmpty(t, s.beside())
	require.NotEqual(t, m.From, m.To)
	if m.Switched {
		require.True(t, m.To == "" || slices.Contains(s.Nodes, m.To))
	} else {
		require.True(t, m.From == "" || slices.Contains(s.Nodes, m.From))
		require.False(t, m.Back)
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, twin := New(), New()
		for index := range uint64(rapid.IntRange(1, 60).Draw(t, "length")) {
			before := s.View()
			encoded, err := before.Encode()
			require.NoError(t, err)
			c := drawChange(t, before)
			payload, err := Encode(c)
			require.NoError(t, err)
			typ, version := Kind(c)
			command := Command{Index: 2 * (index + 1), Type: typ, Version: version, Payload: payload}

			result, err := s.Apply(command)
			require.NoError(t, err)
			holds(t, s.View())
			again, err := before.Encode()
			require.NoError(t, err)
			require.Equal(t, string(encoded), string(again), "an older view changed")
			if result.Err != nil {
				require.False(t, result.Changed)
			}
			if !result.Changed {
				after := s.View().clone()
				after.applied, after.version = before.applied, before.version
				require.Equal(t, before, after, "%T", c)
			}

			// The twin is replaced by its snapshot now and then.
			_, err = twin.Apply(command)
			require.NoError(t, err)
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				data, err := twin.View().Encode()
				require.NoError(t, err)
				twin, err = Decode(data)
				require.NoError(t, err)
				require.Equal(t, s.View(), twin.View())
			}
			require.Equal(t, hash(t, s), hash(t, twin))

			// What was applied is applied once.
			_, err = s.Apply(command)
			require.NoError(t, err)
			require.Equal(t, hash(t, s), hash(t, twin))
		}
	})
}

func hash(t require.TestingT, s *State) uint64 {
	h, err := s.Hash()
	require.NoError(t, err)
	return h
}

func FuzzApply(f *testing.F) {
	base := newScript(f)
	for _, c := range allChanges() {
		base.changes(c)
		payload, err := Encode(c)
		require.NoError(f, err)
		typ, version := Kind(c)
		f.Add(typ, version, payload)
	}
	want := hash(f, base.State)
	f.Fuzz(func(t *testing.T, typ, version uint16, payload []byte) {
		before := base.View()
		s := newState(before)
		result, err := s.Apply(Command{Index: 1000, Type: typ, Version: version, Payload: payload})
		if err != nil {
			require.Same(t, before, s.View())
			return
		}
		holds(t, s.View())
		if result.Err != nil {
			require.Equal(t, before.Version(), s.View().Version())
		}
		require.Equal(t, want, hash(t, base.State), "an older view changed")
		data, err := s.View().Encode()
		require.NoError(t, err)
		again, err := DecodeView(data)
		require.NoError(t, err)
		second, err := again.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(second))
	})
}

func FuzzDecode(f *testing.F) {
	s := newScript(f)
	for _, c := range allChanges() {
		data, err := s.View().Encode()
		require.NoError(f, err)
		f.Add(data)
		s.apply(c)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeView(data)
		if err != nil {
			return
		}
		for _, x := range v.Indexes() {
			require.NotEmpty(t, x.ShardFor(Slots-1).To)
			_, _, ok := v.Shard(x.Shards[0].ID)
			require.True(t, ok)
		}
		for _, a := range v.Aliases() {
			v.Resolve(a.Name)
		}
		v.Holding()
		v.Settings()
		_, err = v.Encode()
		require.NoError(t, err)
	})
}

// changesOfCluster are changes of every type up to LevelCluster, in an order in which each changes something.
func changesOfCluster() []Change {
	at := func(n Node) Change { return runs(n, LevelCluster) }
	return []Change{
		CreateIndex{Name: "old", UUID: "u0", CreatedMillis: 1},
		FoundCluster{ClusterID: "c1", Level: LevelSingle},
		at(node("n1")),
		at(node("n2")),
		at(Node{
			ID: "n3", Instance: "i-n3", Roles: []Role{RoleShard, RoleGateway}, Zone: "z1", Version: "0.2.0",
			RPCAddr: "n3:7947", HTTPAddr: "n3:8000", OpsAddr: "n3:9090", GossipAddr: "n3:7946", RegisteredMillis: 3,
		}),
		RaiseLevel{Level: LevelCluster},
		papers("u1", 2, []string{"n1", "n2"}, []string{"n2", "n1"}, []string{"n3"}),
		MarkFounded{Shard: "u1-0"},
		SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n3", "n2"}},
		SetCopies{Name: "papers", UUID: "u1", Replicas: 3},
		PutAlias{Name: "latest", Index: "papers"},
		PutAlias{Name: "other", Index: "old"},
		DeleteAlias{Name: "other"},
		PutOperation{Operation: Operation{
			ID: "o1", Kind: "rebuild", Reason: "node n1 <away> & gone", State: OperationFailed, Index: "papers",
			Shard: "u1-0", Node: "n3", Error: "disk full", Done: 3, Total: 9, CreatedMillis: 4, UpdatedMillis: 5,
		}},
		PutSetting{Key: SettingRebuildGrace, Value: "60"},
		RemoveNode{ID: "n1", Instance: "i-n1", Force: true},
		DeleteIndex{Name: "old", UUID: "u0"},
	}
}

// runs registers a node that runs up to a level.
func runs(n Node, level uint32) Change {
	n.Level = level
	return RegisterNode{Node: n}
}

// changesOfGenerations are those that came with LevelGenerations, to follow the ones above.
func changesOfGenerations() []Change {
	return []Change{
		runs(node("n1"), LevelGenerations),
		runs(node("n2"), LevelGenerations),
		RegisterNode{Node: Node{ID: "n3", Instance: "i-n3", Roles: []Role{RoleShard}, Level: LevelGenerations}},
		RaiseLevel{Level: LevelGenerations},
		notes("u2", "n3"),
		begin("notes", "u2", 1, "m2"),
		CancelGeneration{Name: "notes", UUID: "u2", Generation: 1},
		ForgetGeneration{Name: "notes", UUID: "u2", Generation: 1},
		begin("notes", "u2", 2, "m3"),
		SwitchGeneration{Name: "notes", UUID: "u2", Generation: 2},
		begin("notes", "u2", 3, "m4"),
		DeleteIndex{Name: "notes", UUID: "u2", Remote: true},
		ForgetLeftover{UUID: "u2"},
		notes("u3", "n2"),
		begin("notes", "u3", 1, "m2"),
		SwitchGeneration{Name: "notes", UUID: "u3", Generation: 1},
		begin("notes", "u3", 2, "m3"),
		notes2("u4", "n2"),
		DeleteIndex{Name: "notes2", UUID: "u4", Remote: true},
	}
}

// changesOfOperations are those about operations, moves and drains that came with LevelOperations, to follow the ones
// above.
func changesOfOperations() []Change {
	o := func(id, kind string, s OperationState) Operation {
		return Operation{ID: id, Kind: kind, State: s, RequestedBy: "ann", CreatedMillis: 6, UpdatedMillis: 7}
	}
	part := o("m1", "move", OperationPending)
	part.Parent, part.Shard, part.From, part.Node, part.TotalBytes = "r1", "u1-2", "n3", "n1", 100
	copying := o("m1", "move", OperationRunning)
	copying.Step, copying.Bytes, copying.TotalBytes, copying.StartedMillis = "copy", 50, 100, 8
	return []Change{
		runs(node("n1"), LevelOperations),
		runs(node("n2"), LevelOperations),
		RegisterNode{Node: Node{
			ID: "n3", Instance: "i-n3", Roles: []Role{RoleShard}, Level: LevelOperations, Zone: "z1",
		}},
		RaiseLevel{Level: LevelOperations},
		BeginOperations{Operations: []Operation{o("r1", "rebalance", OperationRunning), part}},
		SteerOperation{ID: "r1", Action: SteerPause, By: "ann", Millis: 9},
		SteerOperation{ID: "r1", Action: SteerResume, By: "bob", Millis: 10},
		SteerOperation{ID: "m1", Action: SteerThrottle, By: "bob", Throttle: 1 << 20, Millis: 11},
		MarkFounded{Shard: "u1-2"},
		BeginMove{Shard: "u1-2", Epoch: 1, From: "n3", To: "n1", Operation: copying},
		SwitchMove{Shard: "u1-2", Operation: "m1"},
		RevertMove{Shard: "u1-2", Operation: "m1"},
		SteerOperation{ID: "r1", Action: SteerCancel, By: "ann", Millis: 12},
		EndMove{Shard: "u1-2", Operation: "m1"},
		BeginMove{Shard: "u1-2", Epoch: 3, From: "n3", To: "n2", Operation: o("m2", "move", OperationRunning)},
		SwitchMove{Shard: "u1-2", Operation: "m2"},
		PutOperation{Operation: o("m3", "other", OperationPaused)},
		PutSetting{Key: SettingMoveParallel, Value: "3"},
		StartDrain{Node: "n3", Instance: "i-n3", Drain: Drain{
			Mode: DrainRemove, Operation: "d1", SinceMillis: 13,
		}, Operation: o("d1", "drain", OperationRunning)},
		EndDrain{Node: "n3", Operation: "d1"},
		StartDrain{Node: "n2", Instance: "i-n2", Drain: Drain{
			Mode: DrainRestart, Operation: "d2", SinceMillis: 14, UntilMillis: 99,
		}, Operation: o("d2", "drain", OperationRunning)},
	}
}

func allChanges() []Change {
	return slices.Concat(changesOfCluster(), changesOfGenerations(), changesOfOperations())
}

func TestGoldenLogs(t *testing.T) {
	// Each file is a log, an entry a line: type, version, payload. What it comes to must stay for ever: a change means
	// that old logs replay to another state.
	s := New()
	all := ""
	for _, golden := range []struct {
		name    string
		changes []Change
		hash    uint64
	}{
		{"cluster", changesOfCluster(), 0xb09f2ec269a7459a},
		{"generations", changesOfGenerations(), 0x2335d8274b16a287},
		{"operations", changesOfOperations(), 0x6257f1ac3e5a9d8f},
		{"keys", changesOfKeys(), 0x352f4cab8d0a5223},
		{"snapshots", changesOfSnapshots(), 0x172a828650d1c1e6},
	} {
		log, err := os.ReadFile(filepath.Join("testdata", golden.name+".log"))
		require.NoError(t, err)
		all += "\n" + string(log)
		lines := strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
		for _, line := range lines {
			var typ, version uint16
			_, err := fmt.Sscanf(line, "%d %d", &typ, &version)
			require.NoError(t, err)
			payload := strings.SplitN(line, " ", 3)[2]
			r, err := s.Apply(Command{
				Index: s.View().Applied() + 1, Type: typ, Version: version, Payload: []byte(payload),
			})
			require.NoError(t, err)
			require.NoError(t, r.Err, line)
			require.True(t, r.Changed, line)
		}
		require.Equal(t, golden.hash, hash(t, s), golden.name)
		snapshot, err := os.ReadFile(filepath.Join("testdata", golden.name+".json"))
		require.NoError(t, err)
		encoded, err := s.View().Encode()
		require.NoError(t, err)
		require.Equal(t, string(snapshot), string(encoded)+"\n")

		t.Run("this build writes the same as the log of "+golden.name, func(t *testing.T) {
			written := make([]string, 0, len(lines))
			for _, c := range golden.changes {
				payload, err := Encode(c)
				require.NoError(t, err)
				typ, version := Kind(c)
				written = append(written, fmt.Sprintf("%d %d %s", typ, version, payload))
			}
			require.Equal(t, lines, written)
		})
	}
	t.Run("every command is in them", func(t *testing.T) {
		for typ := range uint16(100) {
			for version := range uint16(10) {
				if _, known := changes(typ, version); known {
					require.Contains(t, all, fmt.Sprintf("\n%d %d ", typ, version))
				}
			}
		}
	})
}
