package state

import (
	"slices"
	"sort"
	"strconv"

	"sagasu/api"
)

// LocalNode is where the only shard of an index is that was made before there were clusters.
const LocalNode = "local"

// Index is one index of the cluster.
type Index struct {
	Name string `json:"name"`
	// UUID names the index for ever; it never changes and is never used again.
	UUID   string     `json:"uuid"`
	Schema api.Schema `json:"schema"`
	// CreatedMillis is the time of creation in milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
	// Replicas is how many copies of each shard are wanted, 1 to MaxReplicas; there may be fewer nodes.
	Replicas int `json:"replicas"`
	// Shards are ascending by slots, which they cover once each.
	Shards []Shard `json:"shards"`
	// Next is the generation of vectors that is being filled beside that of Schema.Dense; nil for none.
	Next *api.DenseConfig `json:"next,omitempty"`
	// Retired are the generations that are being dropped, in the order in which they were given up.
	Retired []int `json:"retired,omitempty"`
	// LastGeneration is the highest number that a generation had; none is used again.
	LastGeneration int `json:"last_generation,omitempty"`
	// Restore says that it is being filled from a snapshot, and so can't be found yet; nil for any other.
	Restore *Restore `json:"restore,omitempty"`
}

// NextGeneration is the number of the next generation of vectors.
func (x Index) NextGeneration() int { return x.LastGeneration + 1 }

// Generations are the numbers of all generations of vectors that there may be something of, ascending.
func (x Index) Generations() []int {
	out := slices.Clone(x.Retired)
	if x.Schema.Dense != nil {
		out = append(out, x.Schema.Dense.Generation)
	}
	if x.Next != nil {
		out = append(out, x.Next.Generation)
	}
	slices.Sort(out)
	return out
}

// Shard is a part of an index: a raft group of its replicas.
type Shard struct {
	// ID names the shard's group and directories, in all indexes: see ShardID.
	ID      string `json:"id"`
	Ordinal int    `json:"ordinal"`
	// From and To are the slots it holds, the latter exclusive.
	From int `json:"from"`
	To   int `json:"to"`
	// Epoch is 1 at first and grows with every change of Nodes or of the slots.
	Epoch uint64 `json:"epoch"`
	// Nodes are the ids of the nodes that the replicas belong on, the preferred leader first. The group's
	// leader brings its membership to this. Never empty, no id twice.
	Nodes []string `json:"nodes"`
	// Founded tells that the group has been bootstrapped, and must never be again.
	Founded bool `json:"founded"`
	// Move is a change of Nodes that is under way; nil for none. It came with LevelOperations.
	Move *Move `json:"move,omitempty"`
}

// ShardID names a shard of an index.
func ShardID(uuid string, ordinal int) string { return uuid + "-" + strconv.Itoa(ordinal) }

// Layout divides the slots evenly over a new index's shards, of which nodes has the replicas' places; none
// for more shards than slots.
func Layout(uuid string, nodes [][]string) []Shard {
	if len(nodes) > Slots {
		return nil
	}
	shards := make([]Shard, len(nodes))
	for i := range shards {
		shards[i] = Shard{
			ID: ShardID(uuid, i), Ordinal: i, Epoch: 1, Nodes: slices.Clone(nodes[i]),
			From: i * Slots / len(nodes), To: (i + 1) * Slots / len(nodes),
		}
	}
	return shards
}

// localLayout is that of an index from before there were clusters; its shard has the index's UUID.
func localLayout(uuid string) []Shard {
	return []Shard{{ID: uuid, To: Slots, Epoch: 1, Nodes: []string{LocalNode}, Founded: true}}
}

// ShardFor gives the shard that holds a slot; the zero Shard for one out of range.
func (x Index) ShardFor(slot int) Shard {
	i := sort.Search(len(x.Shards), func(i int) bool { return slot < x.Shards[i].To })
	if i == len(x.Shards) || slot < x.Shards[i].From {
		return Shard{}
	}
	return x.Shards[i]
}

// covers reports whether shards have all slots once each, in ascending order.
func covers(shards []Shard) bool {
	next := 0
	for _, s := range shards {
		if s.From != next || s.To <= s.From {
			return false
		}
		next = s.To
	}
	return next == Slots
}
