package placement

import (
	"cmp"
	"fmt"
	"slices"

	"sagasu/coordinator/state"
)

// Place gives the nodes for each shard of a new index, the preferred leader first: replicas of a shard on
// different nodes and as far as possible in different zones, replicas and leaders even over the nodes. With
// fewer nodes than replicas the lists are shorter; Repair fills them when there are more. It returns
// ErrNoNodes, or state.ErrInvalid for numbers that an index can't have.
func Place(view *state.View, candidates []Candidate, shards, replicas int) ([][]string, error) {
	if shards < 1 || shards > state.Slots || replicas < 1 || replicas > state.MaxReplicas {
		return nil, fmt.Errorf("place %d shards of %d replicas, at most %d of %d: %w", shards, replicas, state.Slots,
			state.MaxReplicas, state.ErrInvalid)
	}
	s := newSpread(view, candidates)
	if len(s.seats) == 0 {
		return nil, fmt.Errorf("place %d shards: %w", shards, ErrNoNodes)
	}
	out := make([][]string, shards)
	for i := range out {
		out[i] = s.place(replicas)
	}
	return out, nil
}

// place gives the nodes for one shard.
func (s *spread) place(replicas int) []string {
	var nodes []string
	s.start()
	for len(nodes) < replicas {
		c := s.choose(nodes)
		if c == nil {
			break
		}
		c.count(1)
		c.taken = true
		c.zone.beside++
		s.join(c.id, nodes)
		nodes = append(nodes, c.id)
	}
	slices.SortStableFunc(nodes, func(a, b string) int {
		x, y := s.byID[a], s.byID[b]
		return cmp.Or(compareBool(x.full, y.full), cmp.Compare(x.leads, y.leads), cmp.Compare(x.leadsAll, y.leadsAll))
	})
	s.byID[nodes[0]].leads++
	s.byID[nodes[0]].leadsAll++
	return nodes
}
