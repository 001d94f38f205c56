package placement

import (
	"cmp"
	"slices"

	"sagasu/coordinator/state"
)

// seat is a node that may get replicas, and how many it has. The index is the one being placed.
type seat struct {
	id   string
	full bool
	// taken tells that the shard being placed has a replica here.
	taken bool
	zone  *zone
	load
	// leads and leadsAll count the shards, of the index and of all, of which it is the preferred leader.
	leads, leadsAll int
}

// zone is what fails together; its load is that of its seats.
type zone struct {
	seats int
	// beside counts the replicas of the shard being placed.
	beside int
	load
}

// load counts replicas: those of the index, and all.
type load struct{ index, all int }

// spread chooses nodes so that replicas are even over zones and nodes: first those of the index, so that
// no node has to answer for most of it, then all.
type spread struct {
	// seats ascend by id.
	seats []*seat
	byID  map[string]*seat
	zones map[string]*zone
	// together counts the shards that two nodes, the lesser id first, both have a replica of. Few of each pair
	// means that what a lost node did falls on many.
	together map[[2]string]int
}

// newSpread seats the usable candidates, with the replicas that they have in the view.
func newSpread(view *state.View, candidates []Candidate) *spread {
	s := &spread{byID: map[string]*seat{}, zones: map[string]*zone{}, together: map[[2]string]int{}}
	held := view.Holding()
	for _, c := range candidates {
		if _, twice := s.byID[c.Node.ID]; twice || !c.usable() {
			continue
		}
		z := s.zones[c.Node.Zone]
		if z == nil {
			z = &zone{}
			s.zones[c.Node.Zone] = z
		}
		x := &seat{id: c.Node.ID, full: c.DiskUsedPercent >= fullDiskPercent, zone: z, load: load{all: held[c.Node.ID]}}
		z.seats++
		z.all += x.all
		s.seats = append(s.seats, x)
		s.byID[x.id] = x
	}
	slices.SortFunc(s.seats, func(a, b *seat) int { return cmp.Compare(a.id, b.id) })
	for _, x := range view.Indexes() {
		for _, shard := range x.Shards {
			if len(shard.Nodes) > 0 && s.byID[shard.Nodes[0]] != nil {
				s.byID[shard.Nodes[0]].leadsAll++
			}
			for i, id := range shard.Nodes {
				s.join(id, shard.Nodes[:i])
			}
		}
	}
	return s
}

// begin counts the replicas of an index anew.
func (s *spread) begin(x state.Index) {
	for _, c := range s.seats {
		c.index, c.leads, c.zone.index = 0, 0, 0
	}
	for _, shard := range x.Shards {
		for _, id := range shard.Nodes {
			if c := s.byID[id]; c != nil {
				c.index++
				c.zone.index++
			}
		}
	}
}

// start forgets the shard that was placed before.
func (s *spread) start() {
	for _, c := range s.seats {
		c.taken = false
	}
	for _, z := range s.zones {
		z.beside = 0
	}
}

// take tells that the shard being placed has a replica on a node.
func (s *spread) take(id string) {
	if c := s.byID[id]; c != nil {
		c.taken = true
	}
}

// occupy tells that the shard being placed has a replica in a zone.
func (s *spread) occupy(name string) {
	if z := s.zones[name]; z != nil {
		z.beside++
	}
}

// choose gives the best seat for one more replica of the shard being placed, which is on nodes so far; nil if
// none is left. It prefers, in this order, disks with room, zones with few replicas of the shard, zones and
// nodes with few at all, and nodes that share few shards with those it is on.
func (s *spread) choose(nodes []string) *seat {
	var best *seat
	for _, c := range s.seats {
		if c.taken {
			continue
		}
		if best == nil {
			best = c
			continue
		}
		order := compare(c, best)
		if order == 0 {
			order = cmp.Compare(s.shared(c.id, nodes), s.shared(best.id, nodes))
		}
		if order < 0 {
			best = c
		}
	}
	return best
}

// join counts that a node has a replica of what others have.
func (s *spread) join(id string, others []string) {
	for _, other := range others {
		s.together[pair(id, other)]++
	}
}

// shared counts the shards that a node has together with others.
func (s *spread) shared(id string, others []string) (n int) {
	for _, other := range others {
		n += s.together[pair(id, other)]
	}
	return n
}

func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// compare orders seats by how well they suit the shard being placed.
func compare(a, b *seat) int {
	return cmp.Or(
		compareBool(a.full, b.full),
		cmp.Compare(a.zone.beside, b.zone.beside),
		// Zones by replicas per node: a/n < b/m is a*m < b*n.
		cmp.Compare(a.zone.index*b.zone.seats, b.zone.index*a.zone.seats),
		cmp.Compare(a.index, b.index),
		cmp.Compare(a.zone.all*b.zone.seats, b.zone.all*a.zone.seats),
		cmp.Compare(a.all, b.all),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// count adds to the replicas on a seat.
func (c *seat) count(replicas int) {
	c.index += replicas
	c.all += replicas
	c.zone.index += replicas
	c.zone.all += replicas
}
