package kernel

import (
	"sagasu/sparse/segment"
	"sagasu/sparse/simd"
)

// lone finds the best of one list: its bounds lead to the postings worth reading.
func (s *Searcher) lone() {
	c := s.cursors[0]
	l := c.List
	if l.Form == segment.FormTiny {
		for at, doc := range l.Tiny[:l.Docs] {
			s.offerLone(c, at, doc)
		}
		return
	}
	least := c.least(s.floor, 0)
	for part := 0; ; part++ {
		if part = simd.Next(l.Bounds, part, clampImpact(least)); part >= len(l.Bounds) || least > int(l.Max) || !s.going() {
			return
		}
		end := min((part+1)*segment.BoundDocs, l.Docs)
		for at := part * segment.BoundDocs; ; at++ {
			if at = simd.Next(l.Impacts[:end], at, clampImpact(least)); at >= end {
				break
			}
			doc, ok := c.document(at)
			if !ok {
				s.corrupt()
				return
			}
			floor := s.floor
			s.offerLone(c, at, doc)
			if s.floor > floor {
				if least = c.least(s.floor, 0); least > int(l.Max) {
					return
				}
			}
		}
	}
}

func clampImpact(least int) uint8 { return uint8(min(least, 255)) }

func (s *Searcher) offerLone(c *cursor, posting int, doc uint32) {
	if uint32(c.bounds[c.List.Impacts[posting]]) < s.floor || !s.visible(doc) {
		return
	}
	s.c.Offer(doc, float64(s.q.boost()*c.score(posting, doc)))
	s.raise(s.c.Threshold())
}

// visible reports whether the document may be found.
func (s *Searcher) visible(doc uint32) bool {
	word := int(doc >> 6)
	if s.q.Filter != nil && (word >= len(s.q.Filter) || s.q.Filter[word]>>(doc&63)&1 == 0) {
		return false
	}
	return word >= len(s.q.Deleted) || s.q.Deleted[word]>>(doc&63)&1 == 0
}

// document gives the document of a posting of a list that is not tiny. Fast for ascending postings.
func (c *cursor) document(posting int) (doc uint32, ok bool) {
	if c.List.Form == segment.FormDense {
		doc, c.at = c.List.Select(posting, c.at)
		return doc, true
	}
	if !c.read.load(c.List, posting/segment.BlockDocs) {
		return 0, false
	}
	return c.read.docs[posting%segment.BlockDocs], true
}
