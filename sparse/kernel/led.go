package kernel

import (
	"sagasu/sparse/segment"
	"sagasu/sparse/simd"
)

// leads orders the cursors by the number of their postings and reports whether a conjunction is to follow the first: not
// where all lists are dense, whose windows are met by their words.
func (s *Searcher) leads() bool {
	if !s.strict {
		return false
	}
	s.shortestFirst()
	return s.short()
}

// short reports whether the first cursor's list is.
func (s *Searcher) short() bool { return s.ordered(0).List.Form != segment.FormDense }

// shortestFirst puts all cursors in order, the shortest list first.
func (s *Searcher) shortestFirst() {
	s.order = s.order[:0]
	for i := range s.q.Terms {
		s.order = append(s.order, int32(i))
		for j := i; j > 0 && s.ordered(j).List.Docs < s.ordered(j-1).List.Docs; j-- {
			s.order[j], s.order[j-1] = s.order[j-1], s.order[j]
		}
	}
}

// led finds the best of a conjunction by the shortest list: block by block those of its documents that, with the most that
// the other lists have in the window, can reach the threshold, are looked up in the others.
func (s *Searcher) led() {
	lead := s.ordered(0)
	rest := s.sumOthers()
	for block, least := s.worth(lead, 0, rest); block != noBlock; block, least = s.worth(lead, block+1, rest) {
		s.gather(lead, block, least, rest)
		for i := range s.order[1:] {
			if len(s.found) == 0 {
				break
			}
			s.join(s.ordered(i + 1))
		}
		s.settle()
	}
}

// worth reads the first block, from one on, of the leading list in which a document can reach the floor with what the others
// add, and gives it and the least impact that can; noBlock if there is none, or the search is over.
func (s *Searcher) worth(lead *cursor, block int, rest uint32) (at int, least uint8) {
	l := lead.List
	for ; block < len(l.Lasts) && s.going(); block++ {
		least := lead.least(s.floor, rest)
		if least > int(l.Max) {
			break
		}
		if l.Form == segment.FormBlocks && int(l.BlockBound(block)) < least {
			continue
		}
		if !lead.read.load(l, block) {
			s.corrupt()
			break
		}
		return block, clampImpact(least)
	}
	return noBlock, 0
}

// sumOthers makes heavy what the lists after the first can add in each window, 0 where one of them has no document, and
// gives the most of these.
func (s *Searcher) sumOthers() (most uint32) {
	s.heavy = s.heavy[:0]
	flat := uint32(0) // of the lists that don't know their windows
	windowed := 0
	for i := range s.order[1:] {
		if c := s.ordered(i + 1); c.windowed() {
			windowed++
		} else {
			flat += uint32(c.bounds[c.List.Max])
		}
	}
	if windowed == 0 {
		return flat
	}
	for w := range s.q.windows() {
		sum := flat
		for i := range s.order[1:] {
			c := s.ordered(i + 1)
			if !c.windowed() {
				continue
			}
			q := c.List.Windows[w]
			if q == 0 {
				sum = 0
				break
			}
			sum += uint32(c.bounds[q])
		}
		s.heavy = append(s.heavy, sum)
		most = max(most, sum)
	}
	return most
}

// gather makes candidates of a block of the leading list: those with at least an impact. most is what the others can add
// where heavy does not say it by window.
func (s *Searcher) gather(lead *cursor, block int, least uint8, most uint32) {
	s.found, s.bound = s.found[:0], s.bound[:0]
	first := block * segment.BlockDocs
	impacts := lead.List.Impacts[first : first+lead.read.n]
	places := simd.Reach(impacts, least)
	for at := places.Next(0); at < len(impacts); at = places.Next(at + 1) {
		doc := lead.read.docs[at&(segment.BlockDocs-1)]
		rest := most
		if len(s.heavy) > 0 {
			if rest = s.heavy[doc/windowDocs]; rest == 0 {
				continue
			}
		}
		if bound := uint32(lead.bounds[impacts[at]]) + rest; bound >= s.floor && s.visible(doc) {
			s.found, s.bound = append(s.found, doc), append(s.bound, bound)
		}
	}
}

// join drops the candidates that a list lacks, and those that can't reach the floor with what it has.
func (s *Searcher) join(c *cursor) {
	l := c.List
	kept := 0
	for j, doc := range s.found {
		most := uint32(c.bounds[l.Max])
		if c.windowed() {
			most = uint32(c.bounds[l.Windows[doc/windowDocs]])
		}
		if l.Form == segment.FormBlocks && !c.holds(doc) {
			block := blockOf(l.Lasts, max(c.look.block, 0), doc)
			if block == len(l.Lasts) {
				break
			}
			if s.bound[j]-most+uint32(c.bounds[l.BlockBound(block)]) < s.floor {
				continue
			}
			if !c.look.load(l, block) {
				s.corrupt()
				return
			}
		}
		posting, ok := c.find(doc)
		if !ok {
			continue
		}
		if bound := s.bound[j] - most + uint32(c.bounds[l.Impacts[posting]]); bound >= s.floor {
			s.found[kept], s.bound[kept] = doc, bound
			kept++
		}
	}
	s.found, s.bound = s.found[:kept], s.bound[:kept]
}
