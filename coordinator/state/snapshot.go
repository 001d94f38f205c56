package state

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"sagasu/api"
)

// The formats of a snapshot. A state is written in the oldest that can hold it: then a node that was
// replaced by this build before anything new was used has the hash of those that were not, and the way
// back to the older build stays open.
const (
	// formatIndexes has indexes only, each of one shard on LocalNode.
	formatIndexes = 1
	// formatCluster has everything of View but what came with LevelGenerations.
	formatCluster = 2
	// formatGenerations has everything of View but what came with LevelOperations.
	formatGenerations = 3
	// formatOperations has everything of View.
	formatOperations = 4
)

// formatOf is the least format for a state in which a command changed something.
func formatOf(typ, version uint16) int {
	if version == 1 && (typ == TypeCreateIndex || typ == TypeDeleteIndex) {
		return formatIndexes
	}
	switch level := levelOf(typ, version); {
	case level >= LevelOperations:
		return formatOperations
	case level >= LevelGenerations:
		return formatGenerations
	}
	return formatCluster
}

// snapshotIndexes is a snapshot of formatIndexes.
type snapshotIndexes struct {
	Format  int            `json:"format"`
	Applied uint64         `json:"applied"`
	Indexes []createIndex1 `json:"indexes"`
}

// snapshot is a snapshot of formatCluster or a later one. Lists are in the order of View.
type snapshot struct {
	Format     int         `json:"format"`
	Applied    uint64      `json:"applied"`
	Version    uint64      `json:"version"`
	Cluster    string      `json:"cluster"`
	Level      uint32      `json:"level"`
	Nodes      []Node      `json:"nodes"`
	Indexes    []Index     `json:"indexes"`
	Aliases    []Alias     `json:"aliases"`
	Operations []Operation `json:"operations"`
	Settings   []Setting   `json:"settings"`
	// Leftovers came with formatGenerations.
	Leftovers []Leftover `json:"leftovers,omitempty"`
	// Keys and Roles came with formatOperations.
	Keys  []Key        `json:"keys,omitempty"`
	Roles []AccessRole `json:"roles,omitempty"`
	// Repositories, Schedules and Snapshots came with formatOperations.
	Repositories []Repository     `json:"repositories,omitempty"`
	Schedules    []Schedule       `json:"schedules,omitempty"`
	Snapshots    []SnapshotRecord `json:"snapshots,omitempty"`
}

// createIndex1 is the payload of CreateIndex in version 1, and an index in formatIndexes.
type createIndex1 struct {
	Name          string     `json:"name"`
	UUID          string     `json:"uuid"`
	Schema        api.Schema `json:"schema"`
	CreatedMillis int64      `json:"created_millis"`
}

// index gives the index that it stands for.
func (c createIndex1) index() Index {
	return Index{
		Name: c.Name, UUID: c.UUID, Schema: c.Schema, CreatedMillis: c.CreatedMillis, Replicas: 1,
		Shards: localLayout(c.UUID),
	}
}

// Encode gives the view as JSON: equal states give equal bytes.
func (v *View) Encode() ([]byte, error) {
	data, err := json.Marshal(v.snapshot())
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return data, nil
}

func (v *View) snapshot() any {
	if v.format == formatIndexes {
		s := snapshotIndexes{Format: v.format, Applied: v.applied, Indexes: make([]createIndex1, len(v.indexes))}
		for i, x := range v.indexes {
			s.Indexes[i] = createIndex1{Name: x.Name, UUID: x.UUID, Schema: x.Schema, CreatedMillis: x.CreatedMillis}
		}
		return s
	}
	return snapshot{
		Format: v.format, Applied: v.applied, Version: v.version, Cluster: v.cluster, Level: v.level,
		Nodes: v.nodes, Indexes: v.indexes, Aliases: v.aliases, Operations: v.operations, Settings: v.settings,
		Leftovers: v.leftovers, Keys: v.keys, Roles: v.roles,
		Repositories: v.repositories, Schedules: v.schedules, Snapshots: v.snapshots,
	}
}

// Decode makes a State of what Encode gave. It returns ErrNewerFormat or ErrCommand.
func Decode(data []byte) (*State, error) {
	v, err := DecodeView(data)
	if err != nil {
		return nil, err
	}
	return newState(v), nil
}

// DecodeView makes a View of what Encode gave. It returns ErrNewerFormat or ErrCommand.
func DecodeView(data []byte) (*View, error) {
	var head struct {
		Format int    `json:"format"`
		Level  uint32 `json:"level"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decode metadata: %w: %w", ErrCommand, err)
	}
	if head.Level > Level {
		return nil, fmt.Errorf("decode metadata of feature level %d, this version runs %d: %w", head.Level,
			Level, ErrNewerFormat)
	}
	v := &View{format: head.Format, shards: map[string]place{}}
	var err error
	switch head.Format {
	case formatIndexes:
		err = v.readIndexes(data)
	case formatCluster, formatGenerations, formatOperations:
		err = v.read(data)
	default:
		return nil, fmt.Errorf("decode metadata of format %d, this version reads up to %d: %w", head.Format,
			formatOperations, ErrNewerFormat)
	}
	if err == nil {
		err = v.check()
	}
	if err != nil {
		return nil, fmt.Errorf("decode metadata: %w", err)
	}
	return v, nil
}

func (v *View) readIndexes(data []byte) error {
	var s snapshotIndexes
	if err := decode(data, &s); err != nil {
		return err
	}
	v.applied, v.version = s.Applied, s.Applied
	for _, x := range s.Indexes {
		v.indexes = append(v.indexes, x.index())
	}
	return nil
}

func (v *View) read(data []byte) error {
	var s snapshot
	if err := decode(data, &s); err != nil {
		return err
	}
	v.applied, v.version, v.cluster, v.level = s.Applied, s.Version, s.Cluster, s.Level
	v.nodes, v.indexes, v.aliases, v.operations, v.settings = s.Nodes, s.Indexes, s.Aliases, s.Operations, s.Settings
	v.leftovers, v.keys, v.roles = s.Leftovers, s.Keys, s.Roles
	v.repositories, v.schedules, v.snapshots = s.Repositories, s.Schedules, s.Snapshots
	return nil
}

// check makes the map of shards and refuses what lookups and routing could not rely on.
func (v *View) check() error {
	if !ascending(v.nodes, nodeKey) || !ascending(v.indexes, indexKey) || !ascending(v.aliases, aliasKey) ||
		!ascending(v.settings, settingKey) || !ascending(v.keys, keyKey) || !ascending(v.roles, roleKey) ||
		!ascending(v.repositories, repositoryKey) || !ascending(v.schedules, scheduleKey) {
		return fmt.Errorf("%w: a list is out of order", ErrCommand)
	}
	for _, x := range v.indexes {
		if !covers(x.Shards) {
			return fmt.Errorf("%w: shards of index %q do not hold every slot once", ErrCommand, x.Name)
		}
		for i, s := range x.Shards {
			if _, taken := v.shards[s.ID]; taken {
				return fmt.Errorf("%w: shard %q twice", ErrCommand, s.ID)
			}
			v.shards[s.ID] = place{index: x.Name, at: i}
		}
	}
	return nil
}

// Hash is a digest of the state: equal on nodes that applied the same commands. It covers everything,
// the applied index included.
func (s *State) Hash() (uint64, error) {
	data, err := s.View().Encode()
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	if _, err := h.Write(data); err != nil {
		return 0, fmt.Errorf("hash metadata: %w", err)
	}
	return h.Sum64(), nil
}
