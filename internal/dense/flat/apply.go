package flat

import (
	"fmt"
	"slices"

	"sagasu/internal/dense"
)

// change builds the next view out of the present one. The caller holds mu.
type change struct {
	x     *Index
	parts []part
	live  int
	// owned are the parts whose dead bitmap is a copy already.
	owned map[*block]bool
	index map[*block]int
}

// apply carries out deletes, then upserts; the vectors have length 1. The caller holds mu. On an error
// nothing has changed.
func (x *Index) apply(units []dense.Vector, deletes []dense.Key) error {
	if err := x.room(units); err != nil {
		return err
	}
	if len(units)+len(deletes) == 0 {
		return nil
	}
	c := x.begin()
	for _, k := range deletes {
		at, ok := x.rows[k.ID]
		if ok && at.at.versions[at.row] <= k.Version {
			c.kill(at)
			delete(x.rows, k.ID)
			x.dirty[k.ID] = struct{}{}
		}
	}
	for i := range units {
		old, ok := x.rows[units[i].ID]
		if ok && old.at.versions[old.row] > units[i].Version {
			continue
		}
		if ok {
			c.kill(old)
		}
		c.add(&units[i])
		x.dirty[units[i].ID] = struct{}{}
	}
	c.publish()
	return nil
}

// room returns dense.ErrFull if the vectors don't fit. It doesn't count what the same call removes, so
// that the outcome is easy to foretell.
func (x *Index) room(units []dense.Vector) error {
	if len(x.rows)+len(units) <= x.cfg.Limit {
		return nil
	}
	fresh := map[string]struct{}{}
	for i := range units {
		if _, ok := x.rows[units[i].ID]; !ok {
			fresh[units[i].ID] = struct{}{}
		}
	}
	if n := len(x.rows) + len(fresh); n > x.cfg.Limit {
		return fmt.Errorf("%w: it would hold %d vectors, its limit is %d", dense.ErrFull, n, x.cfg.Limit)
	}
	return nil
}

func (x *Index) begin() *change {
	v := x.view.Load()
	c := &change{x: x, parts: slices.Clone(v.parts), live: v.live, owned: map[*block]bool{}, index: map[*block]int{}}
	for i := range c.parts {
		c.index[c.parts[i].block] = i
	}
	return c
}

// kill marks a row dead.
func (c *change) kill(at place) {
	p := &c.parts[c.index[at.at]]
	if !c.owned[p.block] {
		p.dead = slices.Clone(p.dead)
		c.owned[p.block] = true
	}
	p.dead.set(at.row)
	p.deadNum++
	c.live--
}

// add writes a row behind the last one.
func (c *change) add(v *dense.Vector) {
	if n := len(c.parts); n == 0 || c.parts[n-1].rows == len(c.parts[n-1].ids) {
		b := newBlock(c.x.cfg.Dims)
		c.parts = append(c.parts, part{block: b, dead: newRowSet(len(b.ids))})
		c.owned[b] = true
		c.index[b] = n
	}
	p := &c.parts[len(c.parts)-1]
	p.set(p.rows, v)
	c.x.rows[v.ID] = place{at: p.block, row: p.rows}
	p.rows++
	c.live++
}

// publish empties blocks that are mostly dead and makes the view the present one.
func (c *change) publish() {
	for i := 0; i < len(c.parts)-1; {
		if p := c.parts[i]; 2*p.deadNum <= p.rows {
			i++
			continue
		}
		c.drop(i)
	}
	next := &view{parts: c.parts, live: c.live}
	for i := range c.parts {
		next.rows += c.parts[i].rows
	}
	c.x.view.Store(next)
}

// drop moves the live rows of a part behind the last one and removes it.
func (c *change) drop(i int) {
	p := c.parts[i]
	for row := range p.rows {
		if !p.dead.has(row) {
			c.live--
			v := p.vector(row, c.x.cfg.Dims)
			c.add(&v)
		}
	}
	c.parts = slices.Delete(c.parts, i, i+1)
	for b, at := range c.index {
		if at > i {
			c.index[b] = at - 1
		}
	}
}
