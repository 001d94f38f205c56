package flat

import (
	"sync"

	"sagasu/api"
)

// selection is a filter and the rows it selects. Rows never change, so what was found out about them
// stays true: only rows that came since are looked at.
type selection struct {
	match predicate

	mu     sync.Mutex
	blocks map[*block]selected
}

// selected says which of a block's first rows the filter selects; its set is never changed.
type selected struct {
	rows int
	set  rowSet
}

func newSelection(q api.Query) *selection {
	return &selection{match: compile(q), blocks: map[*block]selected{}}
}

// of gives the selected rows of each part, and forgets blocks that are gone.
func (s *selection) of(v *view) []rowSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]rowSet, len(v.parts))
	for i := range v.parts {
		p := &v.parts[i]
		known := s.blocks[p.block]
		if known.rows < p.rows {
			known = s.extend(p, known)
			s.blocks[p.block] = known
		}
		out[i] = known.set
	}
	if len(s.blocks) > 2*len(v.parts) {
		kept := make(map[*block]selected, len(v.parts))
		for i := range v.parts {
			kept[v.parts[i].block] = s.blocks[v.parts[i].block]
		}
		s.blocks = kept
	}
	return out
}

func (s *selection) extend(p *part, known selected) selected {
	next := newRowSet(len(p.ids))
	copy(next, known.set)
	for i := known.rows; i < p.rows; i++ {
		if s.match(p.ids[i], p.attribute[i]) {
			next.set(i)
		}
	}
	return selected{rows: p.rows, set: next}
}

// filterCache remembers the selections of the filters used last.
type filterCache struct {
	mu      sync.Mutex
	entries map[string]*selection
	// order has the keys, least recently used first.
	order []string
}

func newFilterCache() *filterCache { return &filterCache{entries: map[string]*selection{}} }

// get gives the selection of a filter, a new one if it is not remembered.
func (c *filterCache) get(q api.Query) *selection {
	key := canonical(nil, q)
	if len(key) > maxCachedFilter {
		return newSelection(q)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.entries[string(key)]
	if !ok {
		s = newSelection(q)
		c.entries[string(key)] = s
		c.order = append(c.order, string(key))
		if len(c.order) > cachedFilters {
			delete(c.entries, c.order[0])
			c.order = c.order[1:]
		}
		return s
	}
	for i, k := range c.order {
		if k == string(key) {
			c.order = append(append(c.order[:i:i], c.order[i+1:]...), k)
			break
		}
	}
	return s
}
