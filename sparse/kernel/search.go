package kernel

import (
	"math"
	"slices"
	"sync"

	"sagasu/sparse/segment"
)

// Searcher holds what a search needs beside the query, to be used again. Not safe for concurrent use.
type Searcher struct {
	cursors []*cursor
	// heavy are the summed bounds, by window, of the lists that know theirs.
	heavy []uint32
	// order are the cursors of the present window, as indexes, by their bound in it, ascending; most are those bounds, and
	// under[i] the sum of the first i.
	order []int32
	most  []uint32
	under []uint32

	scores [windowDocs]uint16
	spare  [windowDocs]uint16
	mask   [windowWords]uint64
	bits   [windowWords]uint64
	// found are the candidates of the window, ascending, and bound what they can reach.
	found []uint32
	bound []uint32
	picks []uint32
	// starts and places are positions in a document of a phrase.
	starts, places []uint32

	q    *Query
	c    Collector
	unit float64 // the integer that stands for the score 1
	// strict says that a document needs every term.
	strict bool
	floor  uint32 // what a candidate must reach
	every  bool   // nothing is left out
	err    error
}

// pool of searchers: one is 40 KiB and 2.5 more for each term.
var pool = sync.Pool{New: func() any { return &Searcher{} }}

// Get gives a searcher; Put takes it back.
func Get() *Searcher { return pool.Get().(*Searcher) }

// Put takes back a searcher, not one whose search failed.
func Put(s *Searcher) {
	s.q, s.c, s.err = nil, nil, nil
	for _, c := range s.cursors {
		c.Term = nil
	}
	pool.Put(s)
}

// Fits reports whether the query's scores can be bounded: all weights positive, and neither too large nor too small.
func (q *Query) Fits() bool {
	total := 0.0
	for i := range q.Terms {
		t := &q.Terms[i]
		if !(t.Weight > 0) {
			return false
		}
		total += t.best()
	}
	return q.boost() > 0 && total > 1e-200 && total < 1e200 && q.boost()*total > 1e-200 && q.boost()*total < 1e200
}

// ordered gives the i-th cursor of the order.
func (s *Searcher) ordered(i int) *cursor { return s.cursors[s.order[i]] }

// Search offers to c the documents of the segment that may be among the best. Errors: segment.ErrCorrupt, Stop's.
func (s *Searcher) Search(q *Query, c Collector) error {
	s.q, s.c, s.every, s.err = q, c, false, nil
	if len(q.Terms) == 0 || c.K() == 0 {
		return nil
	}
	s.begin()
	switch {
	case len(q.Terms) == 1 && q.Filter == nil:
		s.lone()
		return s.err
	case s.leads():
		s.led()
		return s.err
	}
	s.start()
	s.sumHeavy(q.windows())
	for w := 0; w < q.windows() && s.going(); w++ {
		s.window(uint32(w))
	}
	return s.err
}

// prepare gives every term of the query a cursor.
func (s *Searcher) prepare() {
	for len(s.cursors) < len(s.q.Terms) {
		s.cursors = append(s.cursors, &cursor{})
	}
	for i := range s.q.Terms {
		s.cursors[i].reset(&s.q.Terms[i])
	}
	s.strict = s.q.every()
}

// going reports whether to go on to the next window.
func (s *Searcher) going() bool {
	if s.err == nil && s.q.Stop != nil {
		s.err = s.q.Stop.Err()
	}
	return s.err == nil
}

// chosenShare is how many postings are read in the time that the lists are asked about one document.
const chosenShare = 8

// postings is about the number of postings in a window of the lists from the one in the order on.
func (s *Searcher) postings(from int) int {
	n := 0
	for i := from; i < len(s.order); i++ {
		n += s.ordered(i).List.Docs
	}
	return n / s.q.windows()
}

func (s *Searcher) begin() {
	s.prepare()
	total, prime := 0.0, 0.0
	for i := range s.q.Terms {
		t := &s.q.Terms[i]
		total += t.best()
		if s.q.Filter == nil && s.q.any() {
			prime = max(prime, t.prime(s.c.K()))
		}
	}
	// Every bound is rounded up, by less than one.
	s.unit = (math.MaxUint16 - 1 - float64(len(s.q.Terms))) / (total * (1 + 2*slack))
	for _, c := range s.cursors[:len(s.q.Terms)] {
		c.scale(s.unit)
	}
	s.unit /= s.q.boost()
	s.floor = 0
	s.raise(max(s.q.boost()*prime, s.c.Threshold()))
}

// raise makes a score the least that a candidate must be able to reach.
func (s *Searcher) raise(score float64) {
	if score > 0 && !s.every {
		s.floor = max(s.floor, uint32(min(math.MaxUint16, score*s.unit*(1-slack))))
	}
}

// start brings the cursors to the first window.
func (s *Searcher) start() {
	for _, c := range s.cursors[:len(s.q.Terms)] {
		if !c.start() {
			s.corrupt()
		}
	}
}

// sumHeavy is the bound pass over the lists that have bounds for windows.
func (s *Searcher) sumHeavy(windows int) {
	s.heavy = slices.Grow(s.heavy[:0], windows)[:windows]
	clear(s.heavy)
	for _, c := range s.cursors[:len(s.q.Terms)] {
		if !c.windowed() {
			continue
		}
		for w, q := range c.List.Windows[:windows] {
			s.heavy[w] += uint32(c.bounds[q])
		}
	}
}

// window searches the documents [w*windowDocs, (w+1)*windowDocs).
func (s *Searcher) window(w uint32) {
	base, end := w*windowDocs, (w+1)*windowDocs
	sum := s.heavy[w]
	s.order, s.most = s.order[:0], s.most[:0]
	terms := s.cursors[:len(s.q.Terms)]
	for i, c := range terms {
		if c.windowed() || c.next >= end {
			continue
		}
		if c.next < base && !c.advance(base) {
			s.corrupt()
			return
		}
		if c.next < end {
			most := c.near(end)
			sum += most
			s.enter(i, most)
		}
	}
	if sum == 0 || sum < s.floor || s.strict && s.lacks(w, end) {
		return
	}
	for i, c := range terms {
		if c.windowed() && c.List.Windows[w] > 0 {
			s.enter(i, uint32(c.bounds[c.List.Windows[w]]))
		}
	}
	limited := s.limit(w)
	if limited == 0 {
		return
	}
	s.under = append(s.under[:0], 0)
	essential := 0
	for i, most := range s.most {
		s.under = append(s.under, s.under[i]+most)
		if s.under[i+1] < s.floor {
			essential = i + 1
		}
	}
	s.found, s.bound = s.found[:0], s.bound[:0]
	switch {
	case s.strict:
		s.conjunction(base, end, limited > 0)
	case !s.q.any():
		s.groups(w, limited > 0)
	case limited > 0 && limited*chosenShare < s.postings(essential):
		s.chosen(base)
	case essential == len(s.order)-1:
		s.single(s.ordered(essential), base, end, s.under[essential], limited > 0)
		s.probe(essential, base, end, false)
	default:
		s.several(s.order[essential:], base, end, s.under[essential], limited > 0)
		s.probe(essential, base, end, false)
	}
	s.settle()
}

// corrupt ends the search at a block that is not what the file says.
func (s *Searcher) corrupt() { s.err = segment.ErrCorrupt }

// enter puts a cursor into the order of the window.
func (s *Searcher) enter(cursor int, most uint32) {
	s.order, s.most = append(s.order, int32(cursor)), append(s.most, most)
	for i := len(s.order) - 1; i > 0 && s.most[i-1] > most; i-- {
		s.order[i], s.order[i-1] = s.order[i-1], s.order[i]
		s.most[i], s.most[i-1] = s.most[i-1], s.most[i]
	}
}

// lacks reports whether a term has no document in the window.
func (s *Searcher) lacks(w, end uint32) bool {
	for _, c := range s.cursors[:len(s.q.Terms)] {
		if c.windowed() && c.List.Windows[w] == 0 || !c.windowed() && c.next >= end {
			return true
		}
	}
	return false
}

// limit makes mask the documents of the window that may be found, and gives their number, -1 if all may.
func (s *Searcher) limit(w uint32) int {
	if s.q.Filter == nil && s.q.Deleted == nil {
		return -1
	}
	from := int(w) * windowWords
	if s.q.Filter == nil {
		for i := range s.mask {
			s.mask[i] = ^uint64(0)
		}
	} else {
		n := copy(s.mask[:], s.q.Filter[min(from, len(s.q.Filter)):])
		clear(s.mask[n:])
	}
	if from < len(s.q.Deleted) {
		gone := s.q.Deleted[from:]
		for i := range min(windowWords, len(gone)) {
			s.mask[i] &^= gone[i]
		}
	}
	return count(&s.mask)
}

// settle scores the candidates that are left, and offers them.
func (s *Searcher) settle() {
	if len(s.found) == 0 {
		return
	}
	if len(s.found) > 4*s.c.K() {
		s.settleBest()
		return
	}
	for i, doc := range s.found {
		if s.bound[i] >= s.floor {
			s.score(doc)
		}
	}
}

// settleBest scores first those that can reach most: the others often are below what these do reach.
func (s *Searcher) settleBest() {
	s.picks = append(s.picks[:0], s.bound...)
	k := s.c.K()
	selectAt(s.picks, len(s.picks)-k)
	pivot := s.picks[len(s.picks)-k]
	for i, doc := range s.found {
		if s.bound[i] >= pivot && s.bound[i] >= s.floor {
			s.score(doc)
		}
	}
	for i, doc := range s.found {
		if s.bound[i] < pivot && s.bound[i] >= s.floor {
			s.score(doc)
		}
	}
}

// score scores a document in the order of the query's terms.
func (s *Searcher) score(doc uint32) {
	total, sum, clause := 0.0, 0.0, 0
	for _, c := range s.cursors[:len(s.q.Terms)] {
		if c.Clause != clause {
			total, sum, clause = total+sum, 0, c.Clause
		}
		if posting, ok := c.find(doc); ok {
			sum += c.score(posting, doc)
		}
	}
	total += sum
	s.c.Offer(doc, float64(s.q.boost()*total))
	s.raise(s.c.Threshold())
}

// selectAt orders values so far that the one at the index is the one that sorting would put there.
func selectAt(values []uint32, at int) {
	low, high := 0, len(values)-1
	for low < high {
		mid := low + (high-low)/2
		if values[mid] < values[low] {
			values[mid], values[low] = values[low], values[mid]
		}
		if values[high] < values[low] {
			values[high], values[low] = values[low], values[high]
		}
		if values[high] < values[mid] {
			values[high], values[mid] = values[mid], values[high]
		}
		pivot := values[mid]
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case at <= j:
			high = j
		case at >= i:
			low = i
		default:
			return
		}
	}
}
