package placement

import (
	"cmp"
	"fmt"
	"slices"

	"sagasu/coordinator/state"
)

// Balance plans few moves after which as many of these hold as can, in this order:
//
//  1. no disk is fuller than Rules.DiskHigh;
//  2. replicas of a shard are in different zones (that they are on different nodes always holds);
//  3. replicas, bytes and reads are even over the nodes.
//
// A move is only planned if it makes one of them better and none before it worse. Nodes that are away or drained get
// nothing, and what is on them stays: that is Repair's matter, or was announced. Shards that are being moved, not
// founded, or lack a living replica are left as they are. Each step takes the move that gains most, and a shard is
// moved once in a plan. Equal inputs give equal plans.
func Balance(view *state.View, candidates []Candidate, loads Loads, rules Rules) Plan {
	b := newBalance(view, candidates, loads, rules)
	plan := Plan{Before: b.carried()}
	for {
		best, ok := b.best()
		if !ok {
			break
		}
		if len(plan.Moves) >= rules.Most {
			plan.More = true
			break
		}
		plan.Moves = append(plan.Moves, b.apply(best))
	}
	plan.After, plan.Unmet = b.carried(), b.unmet()
	return plan
}

// balance is a plan in the making.
type balance struct {
	view  *state.View
	rules Rules
	// seats are the nodes that may get and give replicas, by id; frozen those that do neither.
	seats  []*weight
	byID   map[string]*weight
	shards []*piece
	// mean is the load of a seat if all were equal.
	mean burden
}

// weight is a node with what it carries in the plan so far.
type weight struct {
	id, zone string
	burden
	disk Disk
	// used is what is used of the disk; pieces are the shards with a replica here.
	used   uint64
	pieces []*piece
	// takes tells that it may get replicas.
	takes bool
}

// burden is what is to be even.
type burden struct{ replicas, bytes, reads float64 }

// piece is a shard in the plan so far.
type piece struct {
	index string
	shard state.Shard
	nodes []string
	load  ShardLoad
	moved bool
}

// option is a possible move, with what it gains: the less the better.
type option struct {
	piece    *piece
	from, to *weight
	// overflow, pairs and unevenness are by how much it changes what is to be small.
	overflow, unevenness float64
	pairs                int
	// worth tells that the nodes differ enough in something for it to be made more even.
	worth bool
}

func newBalance(view *state.View, candidates []Candidate, loads Loads, rules Rules) *balance {
	b := &balance{view: view, rules: rules, byID: map[string]*weight{}}
	alive := map[string]bool{}
	for _, c := range candidates {
		alive[c.Node.ID] = c.Alive
		if b.byID[c.Node.ID] != nil || !c.usable() {
			continue
		}
		w := &weight{id: c.Node.ID, zone: c.Node.Zone, disk: loads.Disks[c.Node.ID], takes: true}
		if w.disk.Total > 0 {
			w.used = w.disk.Total - min(w.disk.Free, w.disk.Total)
		} else if c.DiskUsedPercent >= rules.DiskLow {
			w.takes = false // all that is known is that it is too full
		}
		b.seats = append(b.seats, w)
		b.byID[w.id] = w
	}
	slices.SortFunc(b.seats, func(x, y *weight) int { return cmp.Compare(x.id, y.id) })
	for _, x := range view.Indexes() {
		for _, s := range x.Shards {
			b.add(x, s, loads.Shards[s.ID], alive)
		}
	}
	for _, w := range b.seats {
		b.mean.replicas += w.replicas / float64(len(b.seats))
		b.mean.bytes += w.bytes / float64(len(b.seats))
		b.mean.reads += w.reads / float64(len(b.seats))
	}
	return b
}

// add counts a shard; only one that is well can be moved.
func (b *balance) add(x state.Index, s state.Shard, load ShardLoad, alive map[string]bool) {
	p := &piece{index: x.Name, shard: s, nodes: slices.Clone(s.Nodes), load: load}
	p.moved = s.Move != nil || !s.Founded
	for _, id := range s.Members() {
		p.moved = p.moved || !alive[id]
		if w := b.byID[id]; w != nil {
			w.shift(load, 1)
			w.pieces = append(w.pieces, p)
		}
	}
	b.shards = append(b.shards, p)
}

func (w *weight) shift(load ShardLoad, sign float64) {
	w.replicas += sign
	w.bytes += sign * float64(load.Bytes)
	w.reads += sign * load.Reads
}

// best gives the move that gains most, if there is one that gains.
func (b *balance) best() (best option, ok bool) {
	for _, from := range b.sources() {
		for _, p := range from.pieces {
			if p.moved {
				continue
			}
			for _, to := range b.seats {
				o, fits := b.weigh(p, from, to)
				if fits && o.gains() && (!ok || o.compare(&best) < 0) {
					best, ok = o, true
				}
			}
		}
	}
	return best, ok
}

// sources are the nodes that may have to give something up: those with a full disk, with shards that are twice in a
// zone, or with more of something than the mean.
func (b *balance) sources() (out []*weight) {
	for _, w := range b.seats {
		above := w.replicas > b.mean.replicas || w.bytes > b.mean.bytes || w.reads > b.mean.reads
		if above || w.overflow(b.rules) > 0 || slices.ContainsFunc(w.pieces, func(p *piece) bool {
			return !p.moved && zonePairs(b.view, p.nodes) > 0
		}) {
			out = append(out, w)
		}
	}
	return out
}

// weigh looks at one move.
func (b *balance) weigh(p *piece, from, to *weight) (o option, fits bool) {
	if from == to || !to.takes || slices.Contains(p.nodes, to.id) || !to.fits(p.load.Bytes, b.rules.DiskLow) {
		return o, false
	}
	o = option{piece: p, from: from, to: to}
	o.pairs = zonePairs(b.view, replace(p.nodes, from.id, to.id)) - zonePairs(b.view, p.nodes)
	before := from.overflow(b.rules)
	o.overflow = max(before-float64(p.load.Bytes), 0) - before
	for _, d := range [][4]float64{
		{from.replicas, to.replicas, 1, b.mean.replicas},
		{from.bytes, to.bytes, float64(p.load.Bytes), b.mean.bytes},
		{from.reads, to.reads, p.load.Reads, b.mean.reads},
	} {
		// The sum of squares changes by (f-x)^2 - f^2 + (t+x)^2 - t^2 = 2x(t-f+x); relative to the mean.
		if f, t, x, mean := d[0], d[1], d[2], d[3]; mean > 0 {
			o.unevenness += 2 * x * (t - f + x) / (mean * mean)
			o.worth = o.worth || f-t > x && f-t >= uneven*mean
		}
	}
	return o, true
}

// gains reports whether a move makes something better, and nothing that is more important worse.
func (o *option) gains() bool {
	switch {
	case o.overflow < 0 && o.pairs <= 0:
		return true
	case o.pairs != 0:
		return o.pairs < 0
	}
	return o.worth && o.unevenness < -leastGain
}

// compare orders moves: the one that gains more first.
func (o *option) compare(other *option) int {
	return cmp.Or(
		cmp.Compare(o.overflow, other.overflow), cmp.Compare(o.pairs, other.pairs),
		cmp.Compare(o.unevenness, other.unevenness), cmp.Compare(o.piece.load.Bytes, other.piece.load.Bytes),
		cmp.Compare(o.piece.shard.ID, other.piece.shard.ID), cmp.Compare(o.from.id, other.from.id),
		cmp.Compare(o.to.id, other.to.id),
	)
}

// apply makes a move in the plan, and says why.
func (b *balance) apply(o option) Move {
	m := Move{
		Index: o.piece.index, Shard: o.piece.shard.ID, From: o.from.id, To: o.to.id, Bytes: o.piece.load.Bytes,
		Reason: b.reason(&o),
	}
	o.from.shift(o.piece.load, -1)
	o.to.shift(o.piece.load, 1)
	o.from.used -= min(o.from.used, o.piece.load.Bytes)
	o.to.used += o.piece.load.Bytes
	o.from.pieces = slices.DeleteFunc(slices.Clone(o.from.pieces), func(p *piece) bool { return p == o.piece })
	o.to.pieces = append(o.to.pieces, o.piece)
	o.piece.nodes = replace(o.piece.nodes, o.from.id, o.to.id)
	o.piece.moved = true
	return m
}

// reason says why a move is made, by the first of the rules that it serves.
func (b *balance) reason(o *option) string {
	switch {
	case o.overflow < 0:
		return fmt.Sprintf("the disk of node %s is used to %d %%, at most %d %% are allowed", o.from.id,
			o.from.percent(), b.rules.DiskHigh)
	case o.pairs < 0:
		return fmt.Sprintf("zone %q has two replicas of the shard, zone %q of node %s has room", o.from.zone, o.to.zone,
			o.to.id)
	}
	return fmt.Sprintf("node %s has %.0f replicas of %s and %.0f reads/s, node %s %.0f of %s and %.0f", o.from.id,
		o.from.replicas, size(o.from.bytes), o.from.reads, o.to.id, o.to.replicas, size(o.to.bytes), o.to.reads)
}

// overflow is how many bytes the disk has more than it should.
func (w *weight) overflow(rules Rules) float64 {
	if w.disk.Total == 0 {
		return 0
	}
	return max(float64(w.used)-float64(w.disk.Total)*float64(rules.DiskHigh)/100, 0)
}

// fits reports whether the disk stays below a part of it with so many bytes more.
func (w *weight) fits(bytes uint64, percent int) bool {
	return w.disk.Total == 0 || float64(w.used+bytes) < float64(w.disk.Total)*float64(percent)/100
}

func (w *weight) percent() int {
	if w.disk.Total == 0 {
		return -1
	}
	return int(100 * w.used / w.disk.Total)
}

// carried gives what each node carries now.
func (b *balance) carried() []Carried {
	out := make([]Carried, len(b.seats))
	for i, w := range b.seats {
		out[i] = Carried{
			Node: w.id, Replicas: int(w.replicas), Bytes: uint64(max(w.bytes, 0)), Reads: max(w.reads, 0),
			DiskPercent: w.percent(),
		}
	}
	return out
}

// unmet gives the rules that do not hold.
func (b *balance) unmet() (out []string) {
	for _, w := range b.seats {
		if w.overflow(b.rules) > 0 {
			out = append(out, fmt.Sprintf("the disk of node %s stays used to %d %%, over %d %%: no node has room for more "+
				"of its replicas", w.id, w.percent(), b.rules.DiskHigh))
		}
	}
	zones := map[string]bool{}
	for _, w := range b.seats {
		zones[w.zone] = true
	}
	for _, p := range b.shards {
		if zonePairs(b.view, p.nodes) > leastPairs(len(p.nodes), len(zones)) {
			out = append(out, fmt.Sprintf("shard %s has several replicas in one zone, and can't be moved: it is incomplete, "+
				"being moved, or no other zone has room", p.shard.ID))
		}
	}
	return out
}

// leastPairs is how many pairs of replicas share a zone at least.
func leastPairs(replicas, zones int) int {
	if zones == 0 {
		return 0
	}
	each, rest := replicas/zones, replicas%zones
	return (zones-rest)*each*(each-1)/2 + rest*each*(each+1)/2
}

// replace gives nodes with one in the place of another.
func replace(nodes []string, from, to string) []string {
	out := slices.Clone(nodes)
	if at := slices.Index(out, from); at >= 0 {
		out[at] = to
	}
	return out
}

// size gives bytes for a person.
func size(bytes float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if bytes < 1024 {
			return fmt.Sprintf("%.0f %s", bytes, unit)
		}
		bytes /= 1024
	}
	return fmt.Sprintf("%.1f TiB", bytes)
}
