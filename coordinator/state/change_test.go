package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// script applies changes one after the other, each as an entry of its own.
type script struct {
	*State
	t testing.TB
}

func newScript(t testing.TB) *script { return &script{State: New(), t: t} }

func (s *script) apply(c Change) Result {
	s.t.Helper()
	payload, err := Encode(c)
	require.NoError(s.t, err)
	typ, version := Kind(c)
	r, err := s.Apply(Command{Index: s.View().Applied() + 1, Type: typ, Version: version, Payload: payload})
	require.NoError(s.t, err)
	return r
}

// changes applies a change that is to change something.
func (s *script) changes(c Change) Result {
	s.t.Helper()
	before := s.View().Version()
	r := s.apply(c)
	require.NoError(s.t, r.Err)
	require.True(s.t, r.Changed)
	require.Greater(s.t, s.View().Version(), before)
	return r
}

// repeats applies a change that is to succeed without changing anything.
func (s *script) repeats(c Change) {
	s.t.Helper()
	before := s.View().Version()
	r := s.apply(c)
	require.NoError(s.t, r.Err)
	require.False(s.t, r.Changed)
	require.Equal(s.t, before, s.View().Version())
}

// refuses applies a change that is to be refused.
func (s *script) refuses(c Change, want error) {
	s.t.Helper()
	before := s.View()
	r := s.apply(c)
	require.ErrorIs(s.t, r.Err, want)
	require.False(s.t, r.Changed)
	after := s.View().clone()
	require.Equal(s.t, before.Applied()+1, after.Applied())
	after.applied = before.applied
	if after.format == formatIndexes {
		after.version = before.version
	}
	require.Equal(s.t, before, after)
}

func node(id string) Node {
	return Node{
		ID: id, Instance: "i-" + id, Roles: []Role{RoleCoordinator, RoleShard}, Level: Level, RPCAddr: id + ":7947",
		RegisteredMillis: 1_700_000_000_000,
	}
}

func papers(uuid string, replicas int, nodes ...[]string) CreateIndex {
	return CreateIndex{
		Name: "papers", UUID: uuid, CreatedMillis: 1_700_000_000_000, Replicas: replicas, Shards: Layout(uuid, nodes),
		Schema: api.Schema{Fields: map[string]api.Field{"title": {Type: api.TypeText}}},
	}
}

// cluster is a script with nodes n1 to n4, all of which can hold replicas.
func cluster(t testing.TB) *script {
	t.Helper()
	s := newScript(t)
	s.changes(FoundCluster{ClusterID: "c1", Level: Level})
	for i := range 4 {
		s.changes(RegisterNode{Node: node(fmt.Sprint("n", i+1))})
	}
	return s
}

func TestFounding(t *testing.T) {
	s := newScript(t)
	s.refuses(FoundCluster{}, ErrInvalid)
	s.refuses(FoundCluster{ClusterID: "../x"}, ErrInvalid)
	s.changes(FoundCluster{ClusterID: "c1", Level: LevelSingle})
	s.repeats(FoundCluster{ClusterID: "c1", Level: Level})
	s.refuses(FoundCluster{ClusterID: "c2"}, ErrCluster)
	require.Equal(t, "c1", s.View().ClusterID())

	old := node("old")
	old.Level = LevelSingle
	s.changes(RegisterNode{Node: old})
	s.refuses(RaiseLevel{Level: LevelCluster}, ErrLevel)
	s.changes(RegisterNode{Node: node("old")})
	s.changes(RaiseLevel{Level: LevelCluster})
	s.repeats(RaiseLevel{Level: LevelCluster})
	s.repeats(RaiseLevel{Level: LevelSingle})
	require.Equal(t, LevelCluster, s.View().FeatureLevel())
	s.refuses(RegisterNode{Node: old}, ErrLevel)

	t.Run("a level of a newer build stops this one", func(t *testing.T) {
		newer := node("old")
		newer.Level = Level + 1
		s.changes(RegisterNode{Node: newer})
		payload, err := Encode(RaiseLevel{Level: Level + 1})
		require.NoError(t, err)
		_, err = s.Apply(Command{Index: 1000, Type: TypeRaiseLevel, Version: 1, Payload: payload})
		require.ErrorIs(t, err, ErrUnknownCommand)
		require.Less(t, s.View().Applied(), uint64(1000))
		_, err = Decode([]byte(`{"format":2,"level":99}`))
		require.ErrorIs(t, err, ErrNewerFormat)
	})
}

func TestNodes(t *testing.T) {
	t.Run("addresses and roles may change, the first registration stays", func(t *testing.T) {
		s := cluster(t)
		s.repeats(RegisterNode{Node: node("n1")})
		moved := node("n1")
		moved.RPCAddr, moved.Roles, moved.RegisteredMillis = "elsewhere:1", []Role{RoleShard}, 1_800_000_000_000
		s.changes(RegisterNode{Node: moved})
		got, ok := s.View().Node("n1")
		require.True(t, ok)
		require.Equal(t, "elsewhere:1", got.RPCAddr)
		require.Equal(t, int64(1_700_000_000_000), got.RegisteredMillis)
		require.False(t, got.Has(RoleCoordinator))
		require.Len(t, s.View().Nodes(), 4)
	})
	t.Run("another instance is refused until the old one is removed", func(t *testing.T) {
		s := cluster(t)
		other := node("n1")
		other.Instance = "other"
		s.refuses(RegisterNode{Node: other}, ErrNodeInstance)
		s.refuses(RemoveNode{ID: "n1", Instance: "other"}, ErrNodeInstance)
		s.changes(RemoveNode{ID: "n1", Instance: "i-n1"})
		s.refuses(RemoveNode{ID: "n1", Instance: "i-n1"}, ErrNodeNotFound)
		s.changes(RegisterNode{Node: other})
	})
	t.Run("a node with replicas goes only by force, and with the last of them", func(t *testing.T) {
		s := cluster(t)
		s.changes(papers("u1", 2, []string{"n1", "n2"}, []string{"n2", "n1"}))
		s.changes(MarkFounded{Shard: "u1-0"})
		s.changes(MarkFounded{Shard: "u1-1"})
		s.refuses(RemoveNode{ID: "n1", Instance: "i-n1"}, ErrNodeInUse)
		s.changes(RemoveNode{ID: "n1", Instance: "i-n1", Force: true})
		s.repeats(RemoveNode{ID: "n1", Instance: "i-n1", Force: true})
		gone, ok := s.View().Node("n1")
		require.True(t, ok)
		require.Equal(t, NodeRemoved, gone.State)
		require.False(t, gone.HoldsReplicas())

		other := node("n1")
		other.Instance = "other"
		s.refuses(RegisterNode{Node: other}, ErrNodeInstance)
		s.changes(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n2", "n3"}})
		s.refuses(SetReplicas{Shard: "u1-0", Epoch: 2, Nodes: []string{"n1"}}, ErrNodeNotFound)
		s.refuses(RegisterNode{Node: other}, ErrNodeInstance)
		s.changes(SetReplicas{Shard: "u1-1", Epoch: 1, Nodes: []string{"n2", "n3"}})
		_, ok = s.View().Node("n1")
		require.False(t, ok)
		s.changes(RegisterNode{Node: other})
	})
	t.Run("a removed node that comes back is active again", func(t *testing.T) {
		s := cluster(t)
		s.changes(papers("u1", 1, []string{"n1"}))
		s.changes(RemoveNode{ID: "n1", Instance: "i-n1", Force: true})
		s.changes(RegisterNode{Node: node("n1")})
		back, _ := s.View().Node("n1")
		require.Equal(t, NodeActive, back.State)
	})
	t.Run("a removed node goes with its last index", func(t *testing.T) {
		s := cluster(t)
		s.changes(papers("u1", 1, []string{"n1"}))
		s.changes(RemoveNode{ID: "n1", Instance: "i-n1", Force: true})
		s.changes(DeleteIndex{Name: "papers", UUID: "u1"})
		require.Len(t, s.View().Nodes(), 3)
	})
	t.Run("what breaks the rules is refused", func(t *testing.T) {
		s := cluster(t)
		for name, spoil := range map[string]func(*Node){
			"id":        func(n *Node) { n.ID = "a/b" },
			"long id":   func(n *Node) { n.ID = strings.Repeat("a", MaxIDBytes+1) },
			"dot":       func(n *Node) { n.ID = ".." },
			"instance":  func(n *Node) { n.Instance = "" },
			"no role":   func(n *Node) { n.Roles = nil },
			"role":      func(n *Node) { n.Roles = []Role{"king"} },
			"two roles": func(n *Node) { n.Roles = []Role{RoleShard, RoleShard} },
			"zone":      func(n *Node) { n.Zone = "a\nb" },
			"address":   func(n *Node) { n.HTTPAddr = strings.Repeat("a", MaxAddressBytes+1) },
			"time":      func(n *Node) { n.RegisteredMillis = -1 },
		} {
			n := node("n9")
			spoil(&n)
			require.ErrorIs(t, s.apply(RegisterNode{Node: n}).Err, ErrInvalid, name)
		}
	})
	t.Run("their number is bounded", func(t *testing.T) {
		s := newScript(t)
		for i := range MaxNodes {
			s.changes(RegisterNode{Node: node(fmt.Sprint("n", i))})
		}
		s.refuses(RegisterNode{Node: node("more")}, ErrLimit)
		s.repeats(RegisterNode{Node: node("n7")})
	})
}

func TestIndexes(t *testing.T) {
	t.Run("a new index begins with epoch 1 and not founded", func(t *testing.T) {
		s := cluster(t)
		create := papers("u1", 2, []string{"n1", "n2"}, []string{"n2", "n3"}, []string{"n3", "n1"})
		create.Shards[0].Epoch, create.Shards[0].Founded = 7, true
		got := s.changes(create).Index
		require.Equal(t, uint64(1), got.Shards[0].Epoch)
		require.False(t, got.Shards[0].Founded)
		s.repeats(create)
		create.UUID, create.Shards = "u2", Layout("u2", [][]string{{"n1"}})
		s.refuses(create, ErrIndexExists)

		x, shard, ok := s.View().Shard("u1-1")
		require.True(t, ok)
		require.Equal(t, got, x)
		require.Equal(t, Shard{ID: "u1-1", Ordinal: 1, From: 1365, To: 2730, Epoch: 1, Nodes: []string{"n2", "n3"}}, shard)
		_, _, ok = s.View().Shard("u1-3")
		require.False(t, ok)
		require.Len(t, s.View().ShardsOn("n1"), 2)
		require.Empty(t, s.View().ShardsOn("n4"))
		require.Equal(t, map[string]int{"n1": 2, "n2": 2, "n3": 2}, s.View().Holding())
	})
	t.Run("a retry succeeds also when a node is gone meanwhile", func(t *testing.T) {
		s := cluster(t)
		create := papers("u1", 1, []string{"n1"})
		s.changes(create)
		s.changes(RemoveNode{ID: "n1", Instance: "i-n1", Force: true})
		s.repeats(create)
	})
	t.Run("what breaks the rules is refused", func(t *testing.T) {
		s := cluster(t)
		s.changes(RegisterNode{Node: Node{ID: "gate", Instance: "g", Roles: []Role{RoleGateway}, Level: Level}})
		for name, c := range map[string]struct {
			spoil func(*CreateIndex)
			want  error
		}{
			"name":                {func(c *CreateIndex) { c.Name = "" }, ErrInvalid},
			"long name":           {func(c *CreateIndex) { c.Name = strings.Repeat("a", MaxNameBytes+1) }, ErrInvalid},
			"uuid":                {func(c *CreateIndex) { c.UUID = "../u" }, ErrInvalid},
			"no replicas":         {func(c *CreateIndex) { c.Replicas = 0 }, ErrInvalid},
			"too many replicas":   {func(c *CreateIndex) { c.Replicas = MaxReplicas + 1 }, ErrInvalid},
			"more than wanted":    {func(c *CreateIndex) { c.Replicas = 1 }, ErrInvalid},
			"hole":                {func(c *CreateIndex) { c.Shards[1].From++ }, ErrInvalid},
			"overlap":             {func(c *CreateIndex) { c.Shards[1].From-- }, ErrInvalid},
			"not all slots":       {func(c *CreateIndex) { c.Shards = c.Shards[:1] }, ErrInvalid},
			"beyond the slots":    {func(c *CreateIndex) { c.Shards[1].To++ }, ErrInvalid},
			"shard id":            {func(c *CreateIndex) { c.Shards[1].ID = "u1-7" }, ErrInvalid},
			"ordinal":             {func(c *CreateIndex) { c.Shards[1].Ordinal = 7 }, ErrInvalid},
			"no nodes":            {func(c *CreateIndex) { c.Shards[1].Nodes = nil }, ErrInvalid},
			"a node twice":        {func(c *CreateIndex) { c.Shards[1].Nodes = []string{"n1", "n1"} }, ErrInvalid},
			"unknown node":        {func(c *CreateIndex) { c.Shards[1].Nodes = []string{"n1", "n9"} }, ErrNodeNotFound},
			"not a shard node":    {func(c *CreateIndex) { c.Shards[1].Nodes = []string{"n1", "gate"} }, ErrNodeNotFound},
			"before 1970":         {func(c *CreateIndex) { c.CreatedMillis = -1 }, ErrInvalid},
			"too many fields":     {func(c *CreateIndex) { c.Schema = wide(MaxFields + 1) }, ErrLimit},
			"more shards than is": {func(c *CreateIndex) { c.Shards = Layout("u1", make([][]string, 4097)) }, nil},
		} {
			create := papers("u1", 2, []string{"n1", "n2"}, []string{"n2", "n3"})
			c.spoil(&create)
			if c.want == nil {
				require.Nil(t, create.Shards, name)
				continue
			}
			s.refuses(create, c.want)
			_, ok := s.View().Index("papers")
			require.False(t, ok, name)
		}
	})
	t.Run("no two indexes share a shard", func(t *testing.T) {
		s := cluster(t)
		s.changes(papers("u1", 1, []string{"n1"}))
		other := papers("u1", 1, []string{"n1"})
		other.Name = "others"
		s.refuses(other, ErrIndexExists)
		s.refuses(CreateIndex{Name: "papers", UUID: "u1-0"}, ErrIndexExists)
		s.refuses(CreateIndex{Name: "others", UUID: "u1-0"}, ErrIndexExists)
	})
	t.Run("the number of shards is bounded", func(t *testing.T) {
		s := cluster(t)
		nodes := make([][]string, Slots)
		for i := range nodes {
			nodes[i] = []string{"n1"}
		}
		for i := range MaxShards / Slots {
			c := papers(fmt.Sprint("u", i), 1, nodes...)
			c.Name = fmt.Sprint("papers", i)
			s.changes(c)
		}
		s.refuses(papers("more", 1, nodes...), ErrLimit)
		s.changes(papers("few", 1, nodes[:4]...))
	})
	t.Run("the number of copies can change", func(t *testing.T) {
		s := cluster(t)
		s.changes(papers("u1", 2, []string{"n1", "n2"}))
		s.repeats(SetCopies{Name: "papers", UUID: "u1", Replicas: 2})
		require.Equal(t, 3, s.changes(SetCopies{Name: "papers", UUID: "u1", Replicas: 3}).Index.Replicas)
		s.refuses(SetCopies{Name: "papers", UUID: "u1", Replicas: 0}, ErrInvalid)
		s.refuses(SetCopies{Name: "papers", UUID: "u2", Replicas: 1}, ErrIndexNotFound)
	})
}

func wide(fields int) api.Schema {
	schema := api.Schema{Fields: map[string]api.Field{}}
	for i := range fields {
		schema.Fields[fmt.Sprint("f", i)] = api.Field{Type: api.TypeInt}
	}
	return schema
}

func TestReplicas(t *testing.T) {
	s := cluster(t)
	s.changes(papers("u1", 3, []string{"n1", "n2"}, []string{"n2", "n3"}))
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n1"}}, ErrNotFounded)
	s.changes(MarkFounded{Shard: "u1-0"})
	s.repeats(MarkFounded{Shard: "u1-0"})
	s.refuses(MarkFounded{Shard: "u1"}, ErrShardNotFound)

	before := s.View()
	s.changes(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n1", "n2", "n3"}})
	s.repeats(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n1", "n2", "n3"}})
	s.repeats(SetReplicas{Shard: "u1-0", Epoch: 2, Nodes: []string{"n1", "n2", "n3"}})
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n4"}}, ErrEpoch)
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 3, Nodes: []string{"n4"}}, ErrEpoch)
	s.refuses(SetReplicas{Shard: "u1-9", Epoch: 1, Nodes: []string{"n4"}}, ErrShardNotFound)
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 2}, ErrInvalid)
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 2, Nodes: []string{"n4", "n4"}}, ErrInvalid)
	s.refuses(SetReplicas{Shard: "u1-0", Epoch: 2, Nodes: []string{"n9"}}, ErrNodeNotFound)

	_, old, _ := before.Shard("u1-0")
	require.Equal(t, []string{"n1", "n2"}, old.Nodes, "an older view stays as it was")
	require.Equal(t, uint64(1), old.Epoch)
	_, now, _ := s.View().Shard("u1-0")
	require.Equal(t, uint64(2), now.Epoch)
	require.True(t, now.Founded)
	_, neighbour, _ := s.View().Shard("u1-1")
	require.Equal(t, uint64(1), neighbour.Epoch)

	t.Run("an index of a single node moves into the cluster", func(t *testing.T) {
		s := newScript(t)
		s.changes(CreateIndex{Name: "papers", UUID: "u1"})
		s.changes(RegisterNode{Node: node("n1")})
		s.changes(SetReplicas{Shard: "u1", Epoch: 1, Nodes: []string{LocalNode, "n1"}})
		s.changes(SetReplicas{Shard: "u1", Epoch: 2, Nodes: []string{"n1"}})
		s.refuses(SetReplicas{Shard: "u1", Epoch: 3, Nodes: []string{LocalNode}}, ErrNodeNotFound)
	})
}

func TestAliases(t *testing.T) {
	s := cluster(t)
	s.changes(papers("u1", 1, []string{"n1"}))
	s.changes(CreateIndex{Name: "notes", UUID: "u2"})
	s.refuses(PutAlias{Name: "a", Index: "nothing"}, ErrIndexNotFound)
	s.refuses(PutAlias{Name: "", Index: "papers"}, ErrInvalid)
	s.refuses(PutAlias{Name: "notes", Index: "papers"}, ErrIndexExists)
	s.changes(PutAlias{Name: "a", Index: "papers"})
	s.repeats(PutAlias{Name: "a", Index: "papers"})
	s.refuses(PutAlias{Name: "b", Index: "a"}, ErrIndexNotFound)
	s.refuses(CreateIndex{Name: "a", UUID: "u3"}, ErrAliasExists)

	x, ok := s.View().Resolve("a")
	require.True(t, ok)
	require.Equal(t, "papers", x.Name)
	_, ok = s.View().Index("a")
	require.False(t, ok)
	s.changes(PutAlias{Name: "a", Index: "notes"})
	s.changes(PutAlias{Name: "b", Index: "papers"})
	s.refuses(DeleteAlias{Name: "a", Index: "papers"}, ErrAliasNotFound)
	s.refuses(DeleteAlias{Name: "c"}, ErrAliasNotFound)
	s.changes(DeleteIndex{Name: "papers", UUID: "u1"})
	require.Equal(t, []Alias{{Name: "a", Index: "notes"}}, s.View().Aliases())
	s.changes(DeleteAlias{Name: "a"})
	require.Empty(t, s.View().Aliases())
}

func TestOperations(t *testing.T) {
	t.Run("progress, a cancel that stays, an end that stays", func(t *testing.T) {
		s := newScript(t)
		o := Operation{ID: "o1", Kind: "rebuild", State: OperationRunning, Total: 10, CreatedMillis: 5, UpdatedMillis: 5}
		s.changes(PutOperation{Operation: o})
		s.repeats(PutOperation{Operation: o})
		o.Done, o.UpdatedMillis, o.CreatedMillis = 4, 9, 9
		s.changes(PutOperation{Operation: o})
		got, ok := s.View().Operation("o1")
		require.True(t, ok)
		require.Equal(t, int64(5), got.CreatedMillis)
		require.Equal(t, uint64(4), got.Done)
		o.State = OperationCancelling
		s.changes(PutOperation{Operation: o})
		o.State, o.Done = OperationRunning, 5
		s.changes(PutOperation{Operation: o})
		got, _ = s.View().Operation("o1")
		require.Equal(t, OperationCancelling, got.State)
		o.State, o.Error = OperationCancelled, strings.Repeat("あ", MaxTextBytes)
		s.changes(PutOperation{Operation: o})
		s.repeats(PutOperation{Operation: o})
		got, _ = s.View().Operation("o1")
		require.Equal(t, strings.Repeat("あ", MaxTextBytes/3), got.Error)
		o.State = OperationRunning
		s.refuses(PutOperation{Operation: o}, ErrOperationEnded)
	})
	t.Run("what breaks the rules is refused", func(t *testing.T) {
		s := newScript(t)
		for _, o := range []Operation{
			{Kind: "rebuild", State: OperationRunning},
			{ID: "o", State: OperationRunning},
			{ID: "o", Kind: "rebuild"},
			{ID: "o", Kind: "rebuild", State: "asleep"},
			{ID: "o", Kind: "rebuild", State: OperationRunning, Node: strings.Repeat("n", 200)},
			{ID: "o", Kind: "rebuild", State: OperationRunning, UpdatedMillis: -1},
		} {
			s.refuses(PutOperation{Operation: o}, ErrInvalid)
		}
	})
	t.Run("the oldest that ended is forgotten, those under way never", func(t *testing.T) {
		s := newScript(t)
		put := func(i int, state OperationState) Change {
			return PutOperation{Operation: Operation{ID: fmt.Sprint("o", i), Kind: "rebuild", State: state}}
		}
		for i := range MaxOperations {
			s.changes(put(i, OperationRunning))
		}
		s.refuses(put(MaxOperations, OperationRunning), ErrLimit)
		s.changes(put(7, OperationDone))
		s.changes(put(5, OperationFailed))
		s.changes(put(MaxOperations, OperationRunning))
		_, ok := s.View().Operation("o5")
		require.False(t, ok)
		_, ok = s.View().Operation("o7")
		require.True(t, ok)
		require.Len(t, s.View().Operations(), MaxOperations)
	})
}

func TestSettings(t *testing.T) {
	s := newScript(t)
	require.Equal(t, "5m0s", s.View().RebuildGrace().String())
	require.Equal(t, 8, s.View().RebuildParallel())
	s.changes(PutSetting{Key: SettingRebuildGrace, Value: "30"})
	s.repeats(PutSetting{Key: SettingRebuildGrace, Value: "30"})
	require.Equal(t, "30s", s.View().RebuildGrace().String())
	for _, value := range []string{"-1", "x", "1.5", "007", "+5", "99999999999999999999", " 5"} {
		s.refuses(PutSetting{Key: SettingRebuildGrace, Value: value}, ErrSetting)
		require.ErrorIs(t, ValidateSetting(SettingRebuildGrace, value), ErrSetting)
	}
	s.refuses(PutSetting{Key: "colour", Value: "blue"}, ErrSetting)
	s.refuses(PutSetting{Key: "colour"}, ErrSetting)
	require.Empty(t, s.View().Setting("colour"))
	require.Contains(t, s.View().Settings(), Setting{SettingRebuildGrace, "30"})
	require.Contains(t, s.View().Settings(), Setting{SettingRebuildParallel, "8"})
	require.Equal(t, 2, s.View().Number(SettingMoveParallel))
	s.changes(PutSetting{Key: SettingRebuildGrace})
	s.repeats(PutSetting{Key: SettingRebuildGrace})
	require.Equal(t, "300", s.View().Setting(SettingRebuildGrace))
}

func TestKnownSettings(t *testing.T) {
	for i, k := range knownSettings() {
		require.NoError(t, ValidateSetting(k.key, k.fallback))
		require.True(t, i == 0 || knownSettings()[i-1].key < k.key, "not ascending")
	}
}
