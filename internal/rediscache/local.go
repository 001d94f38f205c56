package rediscache

import (
	"hash/maphash"
	"sync"
	"time"
)

// local is the tier of a cache in this process: the values used last, bounded by the bytes they take. It has several
// locks, for every search passes here. (Libraries for this bound the number of values or a cost that one must guess;
// what is wanted is that of the memory, and with it done there is little left to take from them.)
type local struct {
	seed   maphash.Seed
	shards []localShard
}

// localShard is a part of the entries, in a ring by use.
type localShard struct {
	mu    sync.Mutex
	limit int
	bytes int
	rows  map[string]*row
	// ring is its own neighbour when empty; after it comes the entry used last, before it the first to go.
	ring row
}

type row struct {
	prev, next *row
	key        string
	value      []byte
	until      time.Time
}

func (r *row) bytes() int { return localOverhead + len(r.key) + cap(r.value) }

// newLocal makes a tier of at most limit bytes for values of at most largest.
func newLocal(limit, largest int) *local {
	n := 1
	for n < maxShards && limit/(2*n) >= 4*(largest+localOverhead) {
		n *= 2
	}
	l := &local{seed: maphash.MakeSeed(), shards: make([]localShard, n)}
	for i := range l.shards {
		s := &l.shards[i]
		s.limit, s.rows = limit/n, map[string]*row{}
		s.ring.prev, s.ring.next = &s.ring, &s.ring
	}
	return l
}

func (l *local) shard(key string) *localShard {
	return &l.shards[maphash.String(l.seed, key)&uint64(len(l.shards)-1)]
}

// change is what a call did to the tier.
type change struct{ bytes, entries, evicted int }

// get gives a value that is not past its time; it must not be changed.
func (l *local) get(key string, now time.Time) (value []byte, ok bool, c change) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[key]
	switch {
	case r == nil:
		return nil, false, c
	case now.After(r.until):
		s.remove(r, &c)
		return nil, false, c
	}
	r.unlink()
	s.link(r)
	return r.value, true, c
}

// put keeps a value, which must not be changed any more, and drops what was not used for longest.
func (l *local) put(key string, value []byte, until time.Time) (c change) {
	s := l.shard(key)
	r := &row{key: key, value: value, until: until}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.rows[key]; old != nil {
		s.remove(old, &c)
	}
	if r.bytes() > s.limit {
		return c
	}
	s.rows[key] = r
	s.link(r)
	s.bytes += r.bytes()
	c.bytes += r.bytes()
	c.entries++
	for s.bytes > s.limit {
		s.remove(s.ring.prev, &c)
		c.evicted++
	}
	return c
}

func (s *localShard) link(r *row) {
	r.prev, r.next = &s.ring, s.ring.next
	r.prev.next, r.next.prev = r, r
}

func (r *row) unlink() { r.prev.next, r.next.prev = r.next, r.prev }

func (s *localShard) remove(r *row, c *change) {
	r.unlink()
	delete(s.rows, r.key)
	s.bytes -= r.bytes()
	c.bytes -= r.bytes()
	c.entries--
}
