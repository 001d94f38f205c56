package embedclient

import "container/list"

// key names a vector. The model is the client's for the kind, and so needs no place in it.
type key struct {
	kind Kind
	text string
}

// entryOverhead is what an entry takes beside its text and vector: list element, map slot, headers.
const entryOverhead = 200

// cache keeps the vectors used last, bounded by entries and by bytes. It is not safe for parallel use.
type cache[V any] struct {
	maxEntries, maxBytes int
	bytes                int
	size                 func(V) int
	order                *list.List // of *cached[V], the last used in front
	places               map[key]*list.Element
}

type cached[V any] struct {
	key   key
	value V
	bytes int
}

func newCache[V any](maxEntries, maxBytes int, size func(V) int) *cache[V] {
	return &cache[V]{
		maxEntries: maxEntries,
		maxBytes:   maxBytes,
		size:       size,
		order:      list.New(),
		places:     map[key]*list.Element{},
	}
}

// get returns the vector of the key and makes it the last used.
func (c *cache[V]) get(k key) (V, bool) {
	place, ok := c.places[k]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(place)
	return place.Value.(*cached[V]).value, true
}

// put keeps a vector, which the caller must not change any more, and drops the vectors that have not
// been used for longest until the bounds hold. A vector that is too large alone is not kept.
func (c *cache[V]) put(k key, value V) {
	bytes := len(k.text) + c.size(value) + entryOverhead
	if c.maxEntries == 0 || bytes > c.maxBytes {
		return
	}
	if place, ok := c.places[k]; ok {
		c.drop(place)
	}
	c.places[k] = c.order.PushFront(&cached[V]{k, value, bytes})
	c.bytes += bytes
	for c.order.Len() > c.maxEntries || c.bytes > c.maxBytes {
		c.drop(c.order.Back())
	}
}

func (c *cache[V]) drop(place *list.Element) {
	entry := c.order.Remove(place).(*cached[V])
	delete(c.places, entry.key)
	c.bytes -= entry.bytes
}
