package wire

import (
	"math/bits"
	"sync"
)

// Buffers are pooled by powers of two, from 2^minClass to 2^maxClass bytes. Larger ones are rare and left to the
// garbage collector, so that one big body does not stay in memory.
const (
	minClass = 10
	maxClass = 20
)

// buffer is a slice that may go back to the pool it came from.
type buffer struct{ b []byte }

// buffers is a pool of buffers of many sizes.
type buffers struct {
	classes [maxClass - minClass + 1]sync.Pool
}

// get gives an empty buffer with a capacity of n at least.
func (p *buffers) get(n int) *buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), minClass)
	if class > maxClass {
		return &buffer{b: make([]byte, 0, n)}
	}
	if b, ok := p.classes[class-minClass].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 0, 1<<class)}
}

// put takes a buffer back, nil as well. Nobody may use it any more.
func (p *buffers) put(b *buffer) {
	if b == nil {
		return
	}
	n := cap(b.b)
	class := bits.Len(uint(n)) - 1
	if class < minClass || class > maxClass {
		return
	}
	b.b = b.b[:0]
	p.classes[class-minClass].Put(b)
}
