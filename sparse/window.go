package sparse

import (
	"math/bits"
	"sync"
)

// A query is evaluated over windows of documents of one segment: small enough that scores and bits of
// a window stay in the first-level cache, large enough that a call per window and clause is cheap.
const (
	windowDocs  = 4096
	windowWords = windowDocs / 64
)

// wordSet is a set of the documents of a window.
type wordSet [windowWords]uint64

func (s *wordSet) add(i uint32)      { s[i>>6] |= 1 << (i & 63) }
func (s *wordSet) has(i uint32) bool { return s[i>>6]>>(i&63)&1 != 0 }

func (s *wordSet) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

func (s *wordSet) and(o *wordSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *wordSet) andNot(o *wordSet) {
	for i := range s {
		s[i] &^= o[i]
	}
}

func (s *wordSet) or(o *wordSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *wordSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// each calls fn for every member, ascending.
func (s *wordSet) each(fn func(i uint32)) {
	for at, w := range s {
		for ; w != 0; w &= w - 1 {
			fn(uint32(at<<6 + bits.TrailingZeros64(w)))
		}
	}
}

// fill makes s the first n documents.
func (s *wordSet) fill(n uint32) {
	for i := range s {
		switch from := uint32(i << 6); {
		case n >= from+64:
			s[i] = ^uint64(0)
		case n > from:
			s[i] = 1<<(n-from) - 1
		default:
			s[i] = 0
		}
	}
}

// slice makes s the window at base of a whole segment's words, which may end early.
func (s *wordSet) slice(words []uint64, base uint32) {
	from := int(base >> 6)
	n := 0
	if from < len(words) {
		n = copy(s[:], words[from:])
	}
	clear(s[n:])
}

// frame is what a clause says of a window: which documents match, and their scores.
type frame struct {
	match wordSet
	// scores hold a value where match has the document; elsewhere they hold anything. nil if nobody asks.
	scores []float64
}

// reset empties the frame of a window of which only the first docs documents count.
func (f *frame) reset(docs uint32) {
	f.match = wordSet{}
	if f.scores != nil {
		clear(f.scores[:min(docs, windowDocs)])
	}
}

// framePool keeps frames with scores for the next query: they are large, and a query of a small index costs
// little else.
type framePool struct{ scored sync.Pool }

// frames are those of one query.
type frames struct {
	pool *framePool
	used []*frame
}

// get gives a frame, in which anything may be.
func (s *frames) get(scored bool) *frame {
	if !scored {
		return &frame{}
	}
	f, ok := s.pool.scored.Get().(*frame)
	if !ok {
		f = &frame{scores: make([]float64, windowDocs)}
	}
	s.used = append(s.used, f)
	return f
}

// release gives all frames back; nobody may use them any more.
func (s *frames) release() {
	for _, f := range s.used {
		s.pool.scored.Put(f)
	}
	s.used = nil
}
