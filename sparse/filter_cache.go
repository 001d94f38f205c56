package sparse

import (
	"container/list"
	"sync"
)

// filterCacheBytes bounds the sets of documents that an index keeps for the filters to come: 250 filters over a million
// documents.
const filterCacheBytes = 32 << 20

// filterCache keeps sets of documents of files, which never change; deletions are not in them. The last used stay.
type filterCache struct {
	mu    sync.Mutex
	rows  map[filterKey]*list.Element // of *filterRow
	order list.List
	bytes int
}

// filterKey names a set: files' numbers are given once.
type filterKey struct {
	file uint64
	set  string
}

type filterRow struct {
	key   filterKey
	words []uint64
}

func (c *filterCache) get(key filterKey) ([]uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.rows[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	row, _ := e.Value.(*filterRow)
	return row.words, true
}

// put keeps words, which must not be changed any more.
func (c *filterCache) put(key filterKey, words []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.rows[key]; ok {
		return
	}
	if c.rows == nil {
		c.rows = make(map[filterKey]*list.Element)
	}
	c.rows[key] = c.order.PushFront(&filterRow{key, words})
	c.bytes += rowSize(key, words)
	for c.bytes > filterCacheBytes && c.order.Len() > 1 {
		e := c.order.Back()
		row, _ := c.order.Remove(e).(*filterRow)
		delete(c.rows, row.key)
		c.bytes -= rowSize(row.key, row.words)
	}
}

// rowSize is about what a row takes.
func rowSize(key filterKey, words []uint64) int { return 200 + len(key.set) + 8*len(words) }
