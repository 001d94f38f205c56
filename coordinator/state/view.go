package state

import (
	"maps"
	"slices"
	"time"
)

// View is the state at one moment. It is shared by its readers: what it gives must not be changed. Lists
// are not copied; changes make new ones.
type View struct {
	// format is that of its snapshot, see formatOf.
	format int
	// applied is the last command's index, version that of the last one that changed something.
	applied, version uint64

	cluster string
	level   uint32
	// nodes ascend by id, indexes and aliases by name, settings by key, operations are in order of creation.
	nodes      []Node
	indexes    []Index
	aliases    []Alias
	operations []Operation
	settings   []Setting
	// leftovers are in the order of the deletions.
	leftovers []Leftover
	// keys ascend by id, roles by name.
	keys []Key
	// repositories and schedules ascend by name, snapshots are in the order of their beginning.
	repositories []Repository
	schedules    []Schedule
	snapshots    []SnapshotRecord
	roles        []AccessRole
	// shards finds a shard of the indexes by its id.
	shards map[string]place
}

// place is where a shard is in the view: the name of its index, and its position there.
type place struct {
	index string
	at    int
}

// Placed is a shard with its index.
type Placed struct {
	Index Index
	Shard Shard
}

// clone gives a copy of which lists and map are shared; a change replaces those it changes.
func (v *View) clone() *View {
	c := *v
	return &c
}

// Applied is the log index of the last command in the view.
func (v *View) Applied() uint64 { return v.applied }

// Version is the log index of the last command that changed something: views of equal version have the
// same content, and a later one has a higher version. In format 1, which does not hold it, it is Applied.
func (v *View) Version() uint64 { return v.version }

// ClusterID names the cluster for ever; empty before it is founded.
func (v *View) ClusterID() string { return v.cluster }

// FeatureLevel is the level that commands and protocols are used up to; every node can run it.
func (v *View) FeatureLevel() uint32 { return v.level }

// Node gives the node of that id, also a removed one that still has replicas.
func (v *View) Node(id string) (Node, bool) { return lookup(v.nodes, id, nodeKey) }

// Nodes gives every node, ascending by id.
func (v *View) Nodes() []Node { return v.nodes }

// Index gives the index of that name.
func (v *View) Index(name string) (Index, bool) { return lookup(v.indexes, name, indexKey) }

// Resolve gives the index of that name or alias, unless it is being restored.
func (v *View) Resolve(name string) (Index, bool) {
	if a, ok := lookup(v.aliases, name, aliasKey); ok {
		name = a.Index
	}
	x, ok := v.Index(name)
	if !ok || x.Restore != nil {
		return Index{}, false
	}
	return x, true
}

// Indexes gives every index, ascending by name.
func (v *View) Indexes() []Index { return v.indexes }

// Aliases gives every alias, ascending by name.
func (v *View) Aliases() []Alias { return v.aliases }

// Shard gives the shard of that id and its index.
func (v *View) Shard(id string) (Index, Shard, bool) {
	p, ok := v.shards[id]
	if !ok {
		return Index{}, Shard{}, false
	}
	x, _ := v.Index(p.index)
	return x, x.Shards[p.at], true
}

// ShardsOn gives the shards that have a replica on a node, or are being moved to or from it, by index and slots. It
// looks at all shards.
func (v *View) ShardsOn(node string) []Placed {
	var out []Placed
	for i := range v.indexes {
		shards := v.indexes[i].Shards
		for j := range shards {
			if slices.Contains(shards[j].Nodes, node) || shards[j].beside() == node {
				out = append(out, Placed{Index: v.indexes[i], Shard: shards[j]})
			}
		}
	}
	return out
}

// Holding counts the replicas on each node that has any. It looks at all shards.
func (v *View) Holding() map[string]int {
	held := map[string]int{}
	for i := range v.indexes {
		shards := v.indexes[i].Shards
		for j := range shards {
			for _, node := range shards[j].Nodes {
				held[node]++
			}
			if node := shards[j].beside(); node != "" {
				held[node]++
			}
		}
	}
	return held
}

// Operation gives the operation of that id.
func (v *View) Operation(id string) (Operation, bool) {
	i := slices.IndexFunc(v.operations, func(o Operation) bool { return o.ID == id })
	if i < 0 {
		return Operation{}, false
	}
	return v.operations[i], true
}

// Operations gives every operation that is kept, in order of creation.
func (v *View) Operations() []Operation { return v.operations }

// Leftovers gives what deleted indexes left in a server of vectors, in the order of their deletion.
func (v *View) Leftovers() []Leftover { return v.leftovers }

// Setting gives the value of a setting, its default if it is not set; empty for an unknown one.
func (v *View) Setting(key string) string {
	if s, ok := lookup(v.settings, key, settingKey); ok {
		return s.Value
	}
	if k, ok := knownSetting(key); ok {
		return k.fallback
	}
	return ""
}

// Settings gives every known setting with its value, ascending by key.
func (v *View) Settings() []Setting {
	known := knownSettings()
	out := make([]Setting, len(known))
	for i, k := range known {
		out[i] = Setting{Key: k.key, Value: v.Setting(k.key)}
	}
	return out
}

// RebuildGrace is how long a node may be away before its replicas are rebuilt elsewhere.
func (v *View) RebuildGrace() time.Duration {
	return time.Duration(v.number(SettingRebuildGrace)) * time.Second
}

// RebuildParallel is how many replicas may be built at a time.
func (v *View) RebuildParallel() int { return v.number(SettingRebuildParallel) }

// Number gives the value of a setting, which all are whole numbers.
func (v *View) Number(key string) int { return v.number(key) }

// withIndex puts an index in place of that of its name, or adds it. The shards' ids must be as they were.
func (v *View) withIndex(x Index) *View {
	c := v.clone()
	c.indexes = with(v.indexes, x, indexKey)
	return c
}

// addShards makes the shards of a new index known.
func (v *View) addShards(x Index) {
	v.shards = maps.Clone(v.shards)
	for i, s := range x.Shards {
		v.shards[s.ID] = place{index: x.Name, at: i}
	}
}

// dropShards is the reverse of addShards.
func (v *View) dropShards(x Index) {
	v.shards = maps.Clone(v.shards)
	for _, s := range x.Shards {
		delete(v.shards, s.ID)
	}
}

// forgetRemoved drops removed nodes that have no replicas any more.
func (v *View) forgetRemoved() {
	removed := func(n Node) bool { return n.State == NodeRemoved }
	if !slices.ContainsFunc(v.nodes, removed) {
		return
	}
	held := v.Holding()
	var kept []Node
	for _, n := range v.nodes {
		if !removed(n) || held[n.ID] > 0 {
			kept = append(kept, n)
		}
	}
	v.nodes = kept
}

func nodeKey(n *Node) string       { return n.ID }
func indexKey(x *Index) string     { return x.Name }
func aliasKey(a *Alias) string     { return a.Name }
func settingKey(s *Setting) string { return s.Key }

// search finds the place of a key in a list ascending by it. It is on the way of every document and every
// search, and so does not copy elements to look at their keys.
func search[T any](list []T, key string, of func(*T) string) (int, bool) {
	low, high := 0, len(list)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if of(&list[mid]) < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(list) && of(&list[low]) == key
}

func lookup[T any](list []T, key string, of func(*T) string) (T, bool) {
	i, ok := search(list, key, of)
	if !ok {
		var none T
		return none, false
	}
	return list[i], true
}

// with gives a copy of the list with x at its key.
func with[T any](list []T, x T, of func(*T) string) []T {
	i, ok := search(list, of(&x), of)
	if ok {
		out := slices.Clone(list)
		out[i] = x
		return out
	}
	return slices.Concat(list[:i], []T{x}, list[i:])
}

// without gives a copy of the list without the key; nil for an empty one.
func without[T any](list []T, key string, of func(*T) string) []T {
	i, ok := search(list, key, of)
	if !ok {
		return list
	}
	return slices.Concat(list[:i], list[i+1:])
}

// ascending reports whether a list ascends by its key, none twice.
func ascending[T any](list []T, of func(*T) string) bool {
	for i := 1; i < len(list); i++ {
		if of(&list[i-1]) >= of(&list[i]) {
			return false
		}
	}
	return true
}
