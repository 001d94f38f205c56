package placement

import (
	"cmp"
	"fmt"
	"slices"

	"sagasu/coordinator/state"
)

// Verdict is what speaks for or against a replica of a shard on a node.
type Verdict struct {
	Node, Zone string
	// Here tells that there is one, Possible that there might be.
	Here, Possible bool
	Reasons        []string
}

// Explain says for each node why a replica of a shard is there, or why it is not; and why there are fewer than wanted,
// "" if there are not. Nodes with a replica come first, then those that might get one.
func Explain(view *state.View, candidates []Candidate, loads Loads, rules Rules, x state.Index, s state.Shard) (
	nodes []Verdict, unassigned string,
) {
	b := newBalance(view, candidates, loads, rules)
	known := byID(candidates)
	possible := 0
	for _, n := range view.Nodes() {
		v := Verdict{Node: n.ID, Zone: n.Zone, Here: slices.Contains(s.Members(), n.ID)}
		if v.Here {
			v.Reasons = b.whyHere(known, s, n)
		} else {
			v.Reasons, v.Possible = b.whyNot(known, s, n, loads.Shards[s.ID])
		}
		if v.Possible {
			possible++
		}
		nodes = append(nodes, v)
	}
	slices.SortStableFunc(nodes, func(a, b Verdict) int {
		return cmp.Or(compareBool(b.Here, a.Here), compareBool(b.Possible, a.Possible))
	})
	lack := x.Replicas - len(s.Nodes)
	switch {
	case lack <= 0:
	case possible == 0:
		unassigned = fmt.Sprintf("%d of %d replicas have no node: each node has one already, or can't get one (see nodes)",
			lack, x.Replicas)
	default:
		unassigned = fmt.Sprintf("%d of %d replicas are not made yet: at most %d are at a time", lack, x.Replicas,
			view.RebuildParallel())
	}
	return nodes, unassigned
}

// whyHere says why a replica is on a node, and what speaks against it.
func (b *balance) whyHere(known map[string]Candidate, s state.Shard, n state.Node) (why []string) {
	switch m := s.Move; {
	case m != nil && n.ID == m.To && !m.Switched:
		why = append(why, "it is being made by operation "+m.Operation)
	case m != nil && n.ID == m.From && m.Switched:
		why = append(why, "it is given up by operation "+m.Operation)
	case m != nil && n.ID == m.From:
		why = append(why, fmt.Sprintf("it leaves for node %s by operation %s", m.To, m.Operation))
	default:
		why = append(why, "the metadata place it here")
	}
	c := known[n.ID]
	switch {
	case c.OnLeave:
		why = append(why, "the node is away as announced, and keeps it")
	case !c.Alive:
		why = append(why, "the node is away: it is rebuilt elsewhere after "+b.view.RebuildGrace().String())
	case n.Drain != nil && n.Drain.Mode == state.DrainRemove:
		why = append(why, "the node is drained: it is brought elsewhere")
	}
	for _, id := range s.Nodes {
		if other, ok := b.view.Node(id); ok && id != n.ID && n.Zone != "" && other.Zone == n.Zone {
			why = append(why, fmt.Sprintf("zone %q has another one, on node %s", n.Zone, id))
		}
	}
	if w := b.byID[n.ID]; w != nil && w.overflow(b.rules) > 0 {
		why = append(why, fmt.Sprintf("the disk is used to %d %%, over %d %%: a rebalance brings replicas away",
			w.percent(), b.rules.DiskHigh))
	}
	return why
}

// whyNot says why no replica is on a node, and whether there might be one.
func (b *balance) whyNot(known map[string]Candidate, s state.Shard, n state.Node, load ShardLoad) (
	why []string, possible bool,
) {
	free := s
	free.Move = nil
	if err := refuseNode(b.view, known, free, "", n.ID); err != nil {
		return []string{err.Error()}, false
	}
	w := b.byID[n.ID]
	if w == nil {
		return []string{"the node can't get replicas"}, false
	}
	if !w.fits(load.Bytes, b.rules.DiskLow) {
		return []string{fmt.Sprintf("its %s would not fit: the disk is used to %d %%, up to %d %% are allowed",
			size(float64(load.Bytes)), w.percent(), b.rules.DiskLow)}, false
	}
	why = []string{fmt.Sprintf("it might: the node has %.0f replicas of %s and %.0f reads/s, the mean is %.1f of %s and "+
		"%.0f", w.replicas, size(w.bytes), w.reads, b.mean.replicas, size(b.mean.bytes), b.mean.reads)}
	for _, id := range s.Nodes {
		if other, ok := b.view.Node(id); ok && n.Zone != "" && other.Zone == n.Zone {
			why = append(why, fmt.Sprintf("zone %q has one already, on node %s", n.Zone, id))
		}
	}
	return why, true
}

// Fits returns ErrFull if so many bytes more would fill a disk beyond what a node may have to get replicas.
func Fits(view *state.View, node string, disk Disk, bytes uint64) error {
	w := weight{disk: disk, used: disk.Total - min(disk.Free, disk.Total)}
	if low := view.Number(state.SettingDiskLow); !w.fits(bytes, low) {
		return fmt.Errorf("%w: %s more on node %s, whose disk is used to %d %%, up to %d %% are allowed", ErrFull,
			size(float64(bytes)), node, w.percent(), low)
	}
	return nil
}
