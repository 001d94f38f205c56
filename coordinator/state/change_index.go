package state

import (
	"fmt"
	"slices"

	"sagasu/api"
)

// CreateIndex adds an index. Without Replicas and Shards it is a command of version 1, which gives the index
// one shard on LocalNode. With the name and the UUID of an index that exists it changes nothing and succeeds, which
// makes a retry safe; ErrIndexExists for another UUID, ErrAliasExists if the name is an alias's.
type CreateIndex struct {
	Name string `json:"name"`
	// UUID names the index for ever, also after another got its name; chosen by the proposer.
	UUID string `json:"uuid"`
	// Schema must be valid, which the proposer has checked.
	Schema api.Schema `json:"schema"`
	// CreatedMillis is the proposer's clock, in milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
	// Replicas is the number of copies wanted, 1 to MaxReplicas.
	Replicas int `json:"replicas,omitempty"`
	// Shards are as Layout makes them, on nodes that can hold replicas (else ErrNodeNotFound). Their Epoch
	// and Founded are ignored: they begin with 1 and false.
	Shards []Shard `json:"shards,omitempty"`
}

func (c CreateIndex) kind() (typ, version uint16) {
	switch {
	case len(c.Shards) == 0 && c.Replicas == 0:
		return TypeCreateIndex, 1
	case NeedsGenerations(&c.Schema):
		return TypeCreateIndex, 3
	}
	return TypeCreateIndex, 2
}

// NeedsGenerations reports whether a schema has members that came with LevelGenerations.
func NeedsGenerations(s *api.Schema) bool {
	d := s.Dense
	return s.Passages != nil || d != nil && (d.Model != "" || d.Partition != "" || d.Index != nil || d.Generation != 0)
}

// createIndexV1 takes what it always took, limits or not.
func createIndexV1(before *View, c createIndex1) (*View, Index, error) {
	if c.Name == "" || c.UUID == "" {
		return nil, Index{}, fmt.Errorf("%w: create index without a name or uuid", ErrCommand)
	}
	return before.addIndex(c.index())
}

// createIndexV3 takes schemas with all members.
func createIndexV3(before *View, c CreateIndex) (*View, Index, error) {
	if c.Schema.Dense != nil && c.Schema.Dense.Generation != 0 {
		return nil, Index{}, fmt.Errorf("create index %q: %w", c.Name, invalid("generation %d of vectors, must be 0",
			c.Schema.Dense.Generation))
	}
	return createIndex(before, c)
}

func createIndex(before *View, c CreateIndex) (*View, Index, error) {
	x := Index{
		Name: c.Name, UUID: c.UUID, Schema: c.Schema, CreatedMillis: c.CreatedMillis, Replicas: c.Replicas,
		Shards: c.Shards,
	}
	if err := x.check(); err != nil {
		return nil, Index{}, fmt.Errorf("create index: %w", err)
	}
	if present, ok := before.Index(c.Name); !ok || present.UUID != c.UUID {
		if err := before.room(x); err != nil {
			return nil, Index{}, fmt.Errorf("create index %q: %w", c.Name, err)
		}
		for i := range x.Shards {
			x.Shards[i].Epoch, x.Shards[i].Founded, x.Shards[i].Move = 1, false, nil
			if err := before.checkNodes(x.Shards[i].Nodes, nil); err != nil {
				return nil, Index{}, fmt.Errorf("create index %q: %w", c.Name, err)
			}
		}
	}
	return before.addIndex(x)
}

// addIndex adds an index if its names are free.
func (v *View) addIndex(x Index) (*View, Index, error) {
	if present, ok := v.Index(x.Name); ok {
		if present.UUID == x.UUID {
			return nil, present, nil
		}
		return nil, Index{}, fmt.Errorf("create index %q: %w", x.Name, ErrIndexExists)
	}
	if _, ok := lookup(v.aliases, x.Name, aliasKey); ok {
		return nil, Index{}, fmt.Errorf("create index %q: %w", x.Name, ErrAliasExists)
	}
	for _, s := range x.Shards {
		if p, taken := v.shards[s.ID]; taken {
			return nil, Index{}, fmt.Errorf("create index %q with shard %s of %q: %w", x.Name, s.ID, p.index,
				ErrIndexExists)
		}
	}
	after := v.withIndex(x)
	after.addShards(x)
	return after, x, nil
}

// check holds a new index to the rules of its comments.
func (x Index) check() error {
	if err := checkName("index", x.Name); err != nil {
		return err
	}
	if err := checkID("uuid", x.UUID); err != nil {
		return err
	}
	if err := checkMillis("created_millis", x.CreatedMillis); err != nil {
		return err
	}
	if err := checkReplicas(x.Name, x.Replicas); err != nil {
		return err
	}
	if !covers(x.Shards) {
		return invalid("shards of index %q do not hold each of the %d slots once", x.Name, Slots)
	}
	for i, s := range x.Shards {
		if s.Ordinal != i || s.ID != ShardID(x.UUID, i) {
			return invalid("shard %d of index %q is %.128q with ordinal %d", i, x.Name, s.ID, s.Ordinal)
		}
		if len(s.Nodes) > x.Replicas {
			return invalid("shard %s is on %d nodes for %d replicas", s.ID, len(s.Nodes), x.Replicas)
		}
	}
	return nil
}

func checkReplicas(index string, replicas int) error {
	if replicas < 1 || replicas > MaxReplicas {
		return invalid("index %q has %d replicas, must be 1 to %d", index, replicas, MaxReplicas)
	}
	return nil
}

// room returns ErrLimit if there are too many of something for another index.
func (v *View) room(x Index) error {
	fields, shards := len(x.Schema.Fields), len(v.shards)+len(x.Shards)
	for _, present := range v.indexes {
		fields += len(present.Schema.Fields)
	}
	switch {
	case len(v.indexes) >= MaxIndexes:
		return fmt.Errorf("%w: %d indexes, at most %d are allowed", ErrLimit, len(v.indexes)+1, MaxIndexes)
	case shards > MaxShards:
		return fmt.Errorf("%w: %d shards in all, at most %d are allowed", ErrLimit, shards, MaxShards)
	case fields > MaxFields:
		return fmt.Errorf("%w: %d fields in all, at most %d are allowed", ErrLimit, fields, MaxFields)
	}
	return nil
}

// DeleteIndex removes an index and the aliases that lead to it; ErrIndexNotFound if it is gone, ErrLimit if it would
// leave something and too many did.
type DeleteIndex struct {
	Name string `json:"name"`
	// UUID must be the index's, so that a late retry never removes a successor of the same name.
	UUID string `json:"uuid"`
	// Remote says that a server keeps its vectors, where they are to be dropped: the index becomes a Leftover. With it
	// the command has version 2.
	Remote bool `json:"remote,omitempty"`
}

func (c DeleteIndex) kind() (typ, version uint16) {
	if c.Remote {
		return TypeDeleteIndex, 2
	}
	return TypeDeleteIndex, 1
}

func deleteIndex(before *View, c DeleteIndex) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	if err != nil {
		return nil, Index{}, fmt.Errorf("delete index %q: %w", c.Name, err)
	}
	after := before.clone()
	if c.Remote {
		if err := after.leave(x); err != nil {
			return nil, Index{}, fmt.Errorf("delete index %q: %w", c.Name, err)
		}
	}
	after.indexes = without(before.indexes, c.Name, indexKey)
	after.dropShards(x)
	after.aliases = nil
	for _, a := range before.aliases {
		if a.Index != c.Name {
			after.aliases = append(after.aliases, a)
		}
	}
	after.forgetRemoved()
	return after, x, nil
}

// indexOf gives the index of a name if it has the UUID as well.
func (v *View) indexOf(name, uuid string) (Index, error) {
	x, ok := v.Index(name)
	if !ok || x.UUID != uuid {
		return Index{}, ErrIndexNotFound
	}
	return x, nil
}

// SetCopies changes how many replicas an index wants. Where they go is the matter of SetReplicas.
type SetCopies struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID     string `json:"uuid"`
	Replicas int    `json:"replicas"`
}

func (SetCopies) kind() (typ, version uint16) { return TypeSetCopies, 1 }

func setCopies(before *View, c SetCopies) (*View, Index, error) {
	x, err := before.indexOf(c.Name, c.UUID)
	if err == nil {
		err = checkReplicas(c.Name, c.Replicas)
	}
	if err != nil {
		return nil, Index{}, fmt.Errorf("set copies of index %q: %w", c.Name, err)
	}
	if x.Replicas == c.Replicas {
		return nil, x, nil
	}
	x.Replicas = c.Replicas
	return before.withIndex(x), x, nil
}

// checkNodes refuses lists of nodes that replicas can't be placed on. Those that are on it already may
// stay whatever became of them.
func (v *View) checkNodes(nodes, already []string) error {
	if len(nodes) == 0 || len(nodes) > MaxReplicas {
		return invalid("a shard on %d nodes, must be 1 to %d", len(nodes), MaxReplicas)
	}
	for i, id := range nodes {
		if slices.Contains(nodes[:i], id) {
			return invalid("node %.64q twice for one shard", id)
		}
		if slices.Contains(already, id) {
			continue
		}
		if n, ok := v.Node(id); !ok || !n.HoldsReplicas() {
			return fmt.Errorf("node %.64q for a replica: %w", id, ErrNodeNotFound)
		}
	}
	return nil
}
