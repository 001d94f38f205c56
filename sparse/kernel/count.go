package kernel

import "math/bits"

// Count gives the number of the segment's documents that match, or, once there are limit, a number not below that and
// not above the number of matches. Errors: segment.ErrCorrupt, Stop's.
func (s *Searcher) Count(q *Query, limit int) (int, error) {
	s.q, s.err = q, nil
	if len(q.Terms) == 0 {
		return 0, nil
	}
	if q.Filter == nil {
		if least, exact := q.countable(); exact || q.any() && least >= limit {
			return least, nil
		}
	}
	s.prepare()
	n := 0
	for w := 0; w < q.windows() && n < limit && s.going(); w++ {
		n += s.countWindow(uint32(w))
	}
	return n, s.err
}

// countable gives the live documents of the most frequent term, which is the answer if there is one term only.
func (q *Query) countable() (least int, exact bool) {
	for i := range q.Terms {
		t := &q.Terms[i]
		if t.Deleted < 0 {
			return 0, false
		}
		least = max(least, t.List.Docs-t.Deleted)
	}
	return least, len(q.Terms) == 1 && q.Terms[0].Deleted == 0
}

func (s *Searcher) countWindow(w uint32) int {
	limited := s.limit(w)
	if limited == 0 {
		return 0
	}
	var all [windowWords]uint64
	if !s.matches(w, &all) {
		return 0
	}
	n := 0
	for j, word := range all {
		if limited > 0 {
			word &= s.mask[j]
		}
		n += bits.OnesCount64(word)
	}
	return n
}

// held gives the documents of a list in the window, nil if there are none.
func (s *Searcher) held(c *cursor, base, end uint32) *[windowWords]uint64 {
	s.bits = [windowWords]uint64{}
	found := false
	for block := c.first(base); c.reaches(block, end); block++ {
		docs, _, ok := c.within(block, base, end)
		if !ok {
			s.corrupt()
			return nil
		}
		for _, doc := range docs {
			at := doc & (windowDocs - 1)
			s.bits[at>>6] |= 1 << (at & 63)
		}
		found = found || len(docs) > 0
	}
	if !found {
		return nil
	}
	return &s.bits
}
