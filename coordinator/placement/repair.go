package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sagasu/coordinator/state"
)

// Change is one step for one shard, to be proposed as state.SetReplicas.
type Change struct {
	Shard string
	// Epoch is the shard's in the view that was planned for.
	Epoch uint64
	// Nodes is where the replicas belong after it.
	Nodes []string
	// Add and Remove are what differs from before: one node at most each.
	Add, Remove []string
	// Reason is a sentence for a person.
	Reason string
}

// Repair gives the next steps towards every shard having as many replicas as its index wants, on nodes that
// are there: a replica more where there are too few, another in place of one whose node has been away for
// longer than grace, was removed or holds no replicas any more, one less where there are too many. Nothing is
// moved without such a need, and where all is well there is no step.
//
// A shard gets one step at a time, and all together get view.RebuildParallel, those with the fewest living
// replicas first; one whose replica is being moved gets none. Who applies them should wait until what was added has caught up before asking again. The
// last living replica is never taken away, and a shard without any, or whose group is not founded, is left
// as it is. A node without a candidate is taken for one that is away since just now.
func Repair(view *state.View, candidates []Candidate, grace time.Duration) []Change {
	r := newRepair(view, candidates, grace)
	var cases []diagnosis
	for _, x := range view.Indexes() {
		for _, shard := range x.Shards {
			if d := r.diagnose(x, shard); shard.Founded && shard.Move == nil && d.alive > 0 && d.ill() {
				cases = append(cases, d)
			}
		}
	}
	slices.SortStableFunc(cases, func(a, b diagnosis) int { return cmp.Compare(a.alive, b.alive) })
	var out []Change
	for _, d := range cases {
		if len(out) >= view.RebuildParallel() {
			break
		}
		if c, ok := r.treat(d); ok {
			out = append(out, c)
		}
	}
	return out
}

// repair plans the steps of one call.
type repair struct {
	*spread
	view       *state.View
	candidates map[string]Candidate
	grace      time.Duration
	// counted is the UUID of the index whose replicas are counted now.
	counted string
}

func newRepair(view *state.View, candidates []Candidate, grace time.Duration) *repair {
	r := &repair{
		spread: newSpread(view, candidates), view: view, candidates: map[string]Candidate{}, grace: grace,
	}
	for _, c := range candidates {
		r.candidates[c.Node.ID] = c
	}
	return r
}

// diagnosis is what is the matter with a shard.
type diagnosis struct {
	index state.Index
	shard state.Shard
	// alive counts the replicas on nodes that are, whether they are to stay or not.
	alive int
	// lost are the nodes that a replica is to leave, those that are dead first.
	lost []string
}

// ill reports whether the shard may need a step.
func (d diagnosis) ill() bool { return len(d.lost) > 0 || len(d.shard.Nodes) != d.index.Replicas }

func (r *repair) diagnose(x state.Index, shard state.Shard) diagnosis {
	d := diagnosis{index: x, shard: shard}
	for _, id := range shard.Nodes {
		if r.candidates[id].Alive {
			d.alive++
		}
		if r.why(id) != "" {
			d.lost = append(d.lost, id)
		}
	}
	slices.SortStableFunc(d.lost, func(a, b string) int {
		return compareBool(r.candidates[a].Alive, r.candidates[b].Alive)
	})
	return d
}

// why says why replicas are to leave a node; empty if they may stay.
func (r *repair) why(id string) string {
	n, registered := r.view.Node(id)
	c, known := r.candidates[id]
	switch {
	case registered && n.State == state.NodeRemoved:
		return fmt.Sprintf("node %s was removed from the cluster", id)
	case registered && n.Drain != nil && n.Drain.Mode == state.DrainRemove:
		return fmt.Sprintf("node %s is drained to be removed", id)
	case registered && !n.KeepsReplicas():
		return fmt.Sprintf("node %s does not hold replicas any more", id)
	case known && !c.Alive && c.DownFor > r.grace && !c.OnLeave:
		return fmt.Sprintf("node %s has been away for %s, longer than %s", id, c.DownFor.Round(time.Second), r.grace)
	}
	return ""
}

// treat gives the next step for a shard, if there is one that can be made.
func (r *repair) treat(d diagnosis) (Change, bool) {
	if r.counted != d.index.UUID {
		r.begin(d.index)
		r.counted = d.index.UUID
	}
	wanted, nodes := d.index.Replicas, d.shard.Nodes
	staying := len(nodes) - len(d.lost)
	switch {
	case len(d.lost) > 0 && staying >= wanted && !r.last(d, d.lost[0]):
		return r.step(d, "", d.lost[0], fmt.Sprintf("%s, and without it shard %s has the %d wanted replicas",
			r.why(d.lost[0]), d.shard.ID, wanted))
	case len(d.lost) > 0 && staying < wanted:
		return r.replace(d)
	case len(nodes) < wanted:
		to := r.find(d, "")
		return r.step(d, to, "", fmt.Sprintf("shard %s has %d of %d wanted replicas: node %s gets another",
			d.shard.ID, len(nodes), wanted, to))
	case len(nodes) > wanted && len(d.lost) == 0:
		from := r.surplus(d)
		return r.step(d, "", from, fmt.Sprintf("shard %s has %d replicas where %d are wanted: node %s gives up its own",
			d.shard.ID, len(nodes), wanted, from))
	}
	return Change{}, false
}

// replace lets another node take the place of a lost one. If that one has the last living replica, the other
// comes beside it first.
func (r *repair) replace(d diagnosis) (Change, bool) {
	from := d.lost[0]
	to := r.find(d, from)
	if to == "" {
		return Change{}, false
	}
	if r.last(d, from) {
		if len(d.shard.Nodes) >= state.MaxReplicas {
			return Change{}, false
		}
		return r.step(d, to, "", fmt.Sprintf("%s and has the last living replica of shard %s: node %s gets another",
			r.why(from), d.shard.ID, to))
	}
	return r.step(d, to, from, fmt.Sprintf("%s: node %s takes over its replica of shard %s", r.why(from), to, d.shard.ID))
}

// last reports whether a node has the only living replica of a shard.
func (r *repair) last(d diagnosis, node string) bool { return d.alive == 1 && r.candidates[node].Alive }

// find gives the node for another replica of a shard that leaves a node; empty if there is none.
func (r *repair) find(d diagnosis, leaving string) string {
	r.start()
	for _, id := range d.shard.Nodes {
		r.take(id)
		if n, ok := r.view.Node(id); ok && id != leaving {
			r.occupy(n.Zone)
		}
	}
	if c := r.choose(d.shard.Nodes); c != nil {
		return c.id
	}
	return ""
}

// surplus gives the node that gives up its replica of a shard that has too many: one that is away, else one
// in a zone that has others, on a full disk, with many replicas; the later in the list of equals, so that the
// preferred leader stays.
func (r *repair) surplus(d diagnosis) string {
	zones := map[string]int{}
	for _, id := range d.shard.Nodes {
		if n, ok := r.view.Node(id); ok {
			zones[n.Zone]++
		}
	}
	held := func(id string) (inZone, full, all int) {
		if n, ok := r.view.Node(id); ok {
			inZone = zones[n.Zone]
		}
		if c := r.byID[id]; c != nil {
			all = c.all
			if c.full {
				full = 1
			}
		}
		return inZone, full, all
	}
	return slices.MaxFunc(reversed(d.shard.Nodes), func(a, b string) int {
		zoneA, fullA, allA := held(a)
		zoneB, fullB, allB := held(b)
		return cmp.Or(
			-compareBool(r.candidates[a].Alive, r.candidates[b].Alive),
			cmp.Compare(zoneA, zoneB), cmp.Compare(fullA, fullB), cmp.Compare(allA, allB),
		)
	})
}

// reversed gives a list backwards: of equals, slices.MaxFunc takes the first.
func reversed(list []string) []string {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// step makes a change and counts it; none if it would neither add nor remove.
func (r *repair) step(d diagnosis, add, remove, reason string) (Change, bool) {
	c := Change{Shard: d.shard.ID, Epoch: d.shard.Epoch, Reason: reason}
	if add == "" && remove == "" {
		return Change{}, false
	}
	for _, id := range d.shard.Nodes {
		if id != remove {
			c.Nodes = append(c.Nodes, id)
		}
	}
	if remove != "" {
		c.Remove = []string{remove}
		if s := r.byID[remove]; s != nil {
			s.count(-1)
		}
	}
	if add != "" {
		c.Add = []string{add}
		c.Nodes = append(c.Nodes, add)
		r.byID[add].count(1)
		r.join(add, d.shard.Nodes)
	}
	return c, true
}
