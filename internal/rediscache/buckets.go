package rediscache

import (
	"container/list"
	"sync"
)

// buckets are the token buckets of this process, those used last; what takeScript does, done here.
type buckets struct {
	mu    sync.Mutex
	rows  map[string]*list.Element // of *bucket
	order *list.List               // the last used first
}

type bucket struct {
	key string
	// full is when the bucket is full again, in microseconds since 1970.
	full int64
}

func newBuckets() *buckets { return &buckets{rows: map[string]*list.Element{}, order: list.New()} }

// take takes a token, and gives how many microseconds to wait if there is none.
func (b *buckets) take(key string, now, interval, burst int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	element, ok := b.rows[key]
	if !ok {
		element = b.order.PushFront(&bucket{key: key})
		b.rows[key] = element
		if len(b.rows) > maxBuckets {
			// The one not used for longest is the likeliest to be full, which is what a new one is.
			old, _ := b.order.Remove(b.order.Back()).(*bucket)
			delete(b.rows, old.key)
		}
	}
	b.order.MoveToFront(element)
	row, _ := element.Value.(*bucket)
	full := min(max(row.full, now), now+burst*interval) + interval
	if wait := full - burst*interval - now; wait > 0 {
		return wait
	}
	row.full = full
	return 0
}
