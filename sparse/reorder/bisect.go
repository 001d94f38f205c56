package reorder

import (
	"math"
	"slices"
	"sync"
)

// part is a range of the order that is halved, with the room for its documents' keys.
type part struct {
	docs        []uint32
	keys, spare []int32
	// terms is one above the highest number of a term in the documents' lists.
	terms   int
	workers int
}

// scratch is what one goroutine needs per term; its slices grow to what the first part takes.
type scratch struct {
	number      []uint32
	left, right []uint32
	// toRight is by how much a term's lists get shorter if a document of the left half changes sides.
	toRight, toLeft []int32
}

// halve orders a part: it exchanges documents between the halves until that gains little, then does the same with each
// half. Documents of a part too small to be halved stay in their old order.
func (r *run) halve(p part, s *scratch) {
	if len(p.docs) <= r.MinPartition || r.aborted() {
		slices.Sort(p.docs)
		return
	}
	terms := r.renumber(p, s)
	half := len(p.docs) / 2
	if terms > 0 {
		r.count(p, s, terms)
		for range r.MaxIterations {
			s.gains(r.costs)
			r.weigh(p, s, half)
			if r.exchange(p, s, half) < 1+len(p.docs)/settled || r.aborted() {
				break
			}
		}
	}
	slices.Sort(p.docs[:half])
	slices.Sort(p.docs[half:])
	left := part{p.docs[:half], p.keys[:half], p.spare[:half], terms, p.workers - p.workers/2}
	right := part{p.docs[half:], p.keys[half:], p.spare[half:], terms, max(1, p.workers/2)}
	if p.workers == 1 {
		r.halve(left, s)
		r.halve(right, s)
		return
	}
	var group sync.WaitGroup
	group.Go(func() { r.halve(right, &scratch{}) })
	r.halve(left, s)
	group.Wait()
}

// renumber drops the terms that no longer count from the lists of the part and numbers the others from 0 in the order
// they are met, so that the arrays per term stay small. It gives how many there are.
func (r *run) renumber(p part, s *scratch) int {
	s.number = cleared(s.number, p.terms)
	s.left = cleared(s.left, p.terms)
	for _, doc := range p.docs {
		for _, t := range r.graph.of(doc) {
			s.left[t]++
		}
	}
	least, all := uint32(min(r.MinDocFreq, math.MaxUint32)), uint32(len(p.docs))
	terms := uint32(0)
	for i, doc := range p.docs {
		if i%askDocs == 0 {
			r.aborted() // who is asked may pause
		}
		list := r.graph.of(doc)
		kept := 0
		for _, t := range list {
			// A term of every document draws none to either side.
			if n := s.left[t]; n < least || n == all {
				continue
			}
			if s.number[t] == 0 {
				terms++
				s.number[t] = terms
			}
			list[kept] = s.number[t] - 1
			kept++
		}
		r.graph.ends[doc] = r.graph.starts[doc] + uint32(kept)
	}
	return int(terms)
}

// count fills the frequencies of both halves.
func (r *run) count(p part, s *scratch, terms int) {
	s.left, s.right = cleared(s.left, terms), cleared(s.right, terms)
	s.toRight, s.toLeft = cleared(s.toRight, terms), cleared(s.toLeft, terms)
	half := len(p.docs) / 2
	for i, doc := range p.docs {
		freqs := s.left
		if i >= half {
			freqs = s.right
		}
		for _, t := range r.graph.of(doc) {
			freqs[t]++
		}
	}
}

// gains fills what a change of sides brings, per term. A side without the term has nobody to leave it.
func (s *scratch) gains(c costs) {
	right, toRight, toLeft := s.right[:len(s.left)], s.toRight[:len(s.left)], s.toLeft[:len(s.left)]
	for t, left := range s.left {
		if left > 0 {
			toRight[t] = c.another(right[t]) - c.another(left-1)
		}
		if right[t] > 0 {
			toLeft[t] = c.another(left) - c.another(right[t]-1)
		}
	}
}

// weigh fills the key of every document: how much it would rather be on the right.
func (r *run) weigh(p part, s *scratch, half int) {
	if p.workers == 1 || len(p.docs) < parallelDocs {
		r.weighRange(p, s, half, 0, len(p.docs))
		return
	}
	r.weighTogether(p, s, half)
}

// weighTogether is a function of its own because the variables that goroutines share are allocated.
func (r *run) weighTogether(p part, s *scratch, half int) {
	var group sync.WaitGroup
	share := (len(p.docs) + p.workers - 1) / p.workers
	for from := share; from < len(p.docs); from += share {
		group.Go(func() { r.weighRange(p, s, half, from, min(from+share, len(p.docs))) })
	}
	r.weighRange(p, s, half, 0, min(share, len(p.docs)))
	group.Wait()
}

func (r *run) weighRange(p part, s *scratch, half, from, to int) {
	for i := from; i < to; i++ {
		if i%askDocs == 0 && r.aborted() {
			return
		}
		gains, sign := s.toRight, int64(1)
		if i >= half {
			gains, sign = s.toLeft, -1
		}
		sum := int64(0)
		for _, t := range r.graph.of(p.docs[i]) {
			sum += int64(gains[t])
		}
		p.keys[i] = int32(max(math.MinInt32, min(math.MaxInt32, sign*sum)))
	}
}

// exchange puts the documents with the lowest keys on the left, which is the same as exchanging the best of both sides
// as long as that gains, and gives how many moved. Those that stay keep their places, as do ties.
func (r *run) exchange(p part, s *scratch, half int) int {
	copy(p.spare, p.keys)
	pivot := selectNth(p.spare, half)
	movers := 0
	for _, key := range p.keys[:half] {
		if key > pivot {
			movers++
		}
	}
	for _, key := range p.keys[half:] {
		if key < pivot {
			movers--
		}
	}
	// The side with fewer that want to move gives documents with the pivot's key, which don't mind.
	fillLeft, fillRight := max(0, -movers), max(0, movers)
	moved := 0
	j := half
	for i := range half {
		if key := p.keys[i]; key < pivot || key == pivot && fillLeft == 0 {
			continue
		} else if key == pivot {
			fillLeft--
		}
		for ; j < len(p.docs); j++ {
			if key := p.keys[j]; key < pivot {
				break
			} else if key == pivot && fillRight > 0 {
				fillRight--
				break
			}
		}
		if j == len(p.docs) {
			break
		}
		r.swap(p, s, i, j)
		moved += 2
		j++
	}
	return moved
}

// swap exchanges a document of the left half for one of the right.
func (r *run) swap(p part, s *scratch, i, j int) {
	for _, t := range r.graph.of(p.docs[i]) {
		s.left[t]--
		s.right[t]++
	}
	for _, t := range r.graph.of(p.docs[j]) {
		s.left[t]++
		s.right[t]--
	}
	p.docs[i], p.docs[j] = p.docs[j], p.docs[i]
}

// cleared gives n zeros, in the memory of the slice if they fit.
func cleared[T uint32 | int32](of []T, n int) []T {
	if cap(of) < n {
		return make([]T, n)
	}
	of = of[:n]
	clear(of)
	return of
}
