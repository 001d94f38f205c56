package placement

import (
	"errors"
	"fmt"
	"slices"

	"sagasu/coordinator/state"
)

// Refusals of a move, each of which says why in its text.
var (
	// ErrUnknownNode is returned when there is no such node, or it holds no replicas.
	ErrUnknownNode = errors.New("unknown node")
	// ErrSameNode is returned when the node has a replica of the shard already, or is where it is.
	ErrSameNode = errors.New("same node")
	// ErrNoReplica is returned when the node that is to give a replica up has none.
	ErrNoReplica = errors.New("no replica there")
	// ErrDraining is returned when the node is being drained.
	ErrDraining = errors.New("node is being drained")
	// ErrAway is returned when the node does not answer.
	ErrAway = errors.New("node is away")
	// ErrFull is returned when the node's disk is, or would be, too full.
	ErrFull = errors.New("disk is too full")
	// ErrSameZone is returned when another replica of the shard is in the node's zone, and none would be without the
	// move.
	ErrSameZone = errors.New("same zone")
	// ErrMoving is returned when a replica of the shard is being moved already.
	ErrMoving = errors.New("already moving")
	// ErrUnhealthy is returned when the shard has not the replicas it shall have, or its group is not founded.
	ErrUnhealthy = errors.New("shard is unhealthy")
)

// Refuse says why a replica of a shard can't be brought from one node to another; nil if it can. Each of the two may
// be empty, for one more or one less. Whether the disk has room for its bytes is Fits' matter.
func Refuse(view *state.View, candidates []Candidate, s state.Shard, from, to string) error {
	switch {
	case from == to || slices.Contains(s.Members(), to):
		return fmt.Errorf("%w: %s has a replica of shard %s already", ErrSameNode, to, s.ID)
	case from != "" && !slices.Contains(s.Nodes, from):
		return fmt.Errorf("%w: node %q has no replica of shard %s", ErrNoReplica, from, s.ID)
	case s.Move != nil:
		return fmt.Errorf("%w: shard %s is changed by operation %s", ErrMoving, s.ID, s.Move.Operation)
	case !s.Founded:
		return fmt.Errorf("%w: the group of shard %s is not founded", ErrUnhealthy, s.ID)
	}
	known := byID(candidates)
	for _, id := range s.Nodes {
		if c, ok := known[id]; id != from && (!ok || !c.Alive) {
			return fmt.Errorf("%w: the replica of shard %s on node %s is away", ErrUnhealthy, s.ID, id)
		}
	}
	if to == "" {
		return nil
	}
	return refuseNode(view, known, s, from, to)
}

// refuseNode says why a node can't get a replica that leaves another one.
func refuseNode(view *state.View, known map[string]Candidate, s state.Shard, from, to string) error {
	n, registered := view.Node(to)
	c, seen := known[to]
	switch {
	case !registered || n.State != state.NodeActive:
		return fmt.Errorf("%w: there is no node %q", ErrUnknownNode, to)
	case !n.Has(state.RoleShard):
		return fmt.Errorf("%w: node %s has not the role %s", ErrUnknownNode, to, state.RoleShard)
	case n.Drain != nil:
		return fmt.Errorf("%w: %s, for a %s", ErrDraining, to, n.Drain.Mode)
	case !seen || !c.Alive:
		return fmt.Errorf("%w: %s", ErrAway, to)
	case c.DiskUsedPercent >= view.Number(state.SettingDiskLow):
		return fmt.Errorf("%w: that of node %s is used to %d %%, below %d %% it may get replicas", ErrFull, to,
			c.DiskUsedPercent, view.Number(state.SettingDiskLow))
	case worseZones(view, s, from, to):
		return fmt.Errorf("%w: zone %q of node %s has another replica of shard %s", ErrSameZone, n.Zone, to, s.ID)
	}
	return nil
}

// worseZones reports whether more replicas of a shard would share a zone after a move than before.
func worseZones(view *state.View, s state.Shard, from, to string) bool {
	after := slices.DeleteFunc(slices.Clone(s.Nodes), func(id string) bool { return id == from })
	if from == "" {
		return false // another one must be somewhere
	}
	return zonePairs(view, append(after, to)) > zonePairs(view, s.Nodes)
}

// zonePairs counts the pairs of nodes that are in one zone. Nodes without a zone are in none.
func zonePairs(view *state.View, nodes []string) (pairs int) {
	in := map[string]int{}
	for _, id := range nodes {
		if n, ok := view.Node(id); ok && n.Zone != "" {
			pairs += in[n.Zone]
			in[n.Zone]++
		}
	}
	return pairs
}

func byID(candidates []Candidate) map[string]Candidate {
	out := make(map[string]Candidate, len(candidates))
	for _, c := range candidates {
		out[c.Node.ID] = c
	}
	return out
}
