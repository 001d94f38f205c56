package state

import "fmt"

// Feature levels. A cluster has one; it is raised when every node can run the next, and never lowered.
const (
	// LevelSingle is a single node from before there were clusters: indexes of one shard.
	LevelSingle uint32 = 0
	// LevelCluster has all commands of this package.
	LevelCluster uint32 = 1
	// LevelGenerations has generations of vectors, and schemas that say which model makes them, how they are kept,
	// and how documents are split into passages.
	LevelGenerations uint32 = 2
	// LevelOperations has moves, drains and operations that can be paused, and what else came with this release.
	LevelOperations uint32 = 3
	// Level is the highest that this build runs.
	Level = LevelOperations
)

// levelOf is the least feature level for a command: below it there may be nodes that would stop at it. Commands up to
// LevelCluster are not held to it, since clusters of level 0 took them.
func levelOf(typ, version uint16) uint32 {
	if _, old := clusterChanges(typ, version); old {
		return LevelSingle
	}
	if _, old := generationChanges(typ, version); old {
		return LevelGenerations
	}
	return LevelOperations
}

// FoundCluster gives the cluster its id. Again with the same id it changes nothing, and another id is
// refused with ErrCluster.
type FoundCluster struct {
	ClusterID string `json:"cluster_id"`
	// Level is the feature level to begin with.
	Level uint32 `json:"level"`
}

func (FoundCluster) kind() (typ, version uint16) { return TypeFoundCluster, 1 }

func foundCluster(before *View, c FoundCluster) (*View, Index, error) {
	switch {
	case before.cluster == c.ClusterID && c.ClusterID != "":
		return nil, Index{}, nil
	case before.cluster != "":
		return nil, Index{}, fmt.Errorf("found cluster %q, this is %q: %w", c.ClusterID, before.cluster, ErrCluster)
	}
	if err := checkID("cluster id", c.ClusterID); err != nil {
		return nil, Index{}, fmt.Errorf("found cluster: %w", err)
	}
	after := before.clone()
	after.cluster = c.ClusterID
	if err := after.raise(c.Level); err != nil {
		return nil, Index{}, fmt.Errorf("found cluster: %w", err)
	}
	return after, Index{}, nil
}

// RaiseLevel raises the feature level. ErrLevel if a registered node can't run it; a level that is reached
// already changes nothing.
type RaiseLevel struct {
	Level uint32 `json:"level"`
}

func (RaiseLevel) kind() (typ, version uint16) { return TypeRaiseLevel, 1 }

func raiseLevel(before *View, c RaiseLevel) (*View, Index, error) {
	if c.Level <= before.level {
		return nil, Index{}, nil
	}
	after := before.clone()
	if err := after.raise(c.Level); err != nil {
		return nil, Index{}, fmt.Errorf("raise level: %w", err)
	}
	return after, Index{}, nil
}

// raise sets a level that every registered node can run. If this build can't and yet no node said so, it
// must stop: it would not understand what comes next.
func (v *View) raise(level uint32) error {
	for _, n := range v.nodes {
		if n.State == NodeActive && n.Level < level {
			return fmt.Errorf("node %s runs up to %d, not %d: %w", n.ID, n.Level, level, ErrLevel)
		}
	}
	if level > Level {
		return fmt.Errorf("feature level %d, this build runs up to %d: %w", level, Level, ErrUnknownCommand)
	}
	v.level = max(v.level, level)
	return nil
}
