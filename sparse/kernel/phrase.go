package kernel

import (
	"math"

	"sagasu/sparse/segment"
	"sagasu/sparse/simd"
)

// Phrase asks for terms at given distances in one text field. The query's terms are distinct and all have the weight of the
// phrase, which is scored as one term that occurs as often as the phrase does; there are no choices.
type Phrase struct {
	Query
	// Slots say where the terms stand, from the first on, the first at 0.
	Slots []Slot
}

// Slot is one place of a phrase.
type Slot struct {
	// Term is an index into the query's terms.
	Term int
	// Offset is the distance from the start.
	Offset uint32
}

// Phrase offers to c the documents that may be among the best, and, if every is set, gives the number of all that match.
// Errors: segment.ErrCorrupt, Stop's.
//
// A phrase occurs no more often than any of its terms, so that the lowest of their impacts bounds its score.
func (s *Searcher) Phrase(p *Phrase, c Collector, every bool) (matches int, err error) {
	s.q, s.c, s.every, s.err = &p.Query, c, every, nil
	s.beginPhrase()
	if s.short() {
		return s.ledPhrase(p), s.err
	}
	s.start()
	for w := 0; w < p.windows() && s.going(); w++ {
		matches += s.phraseWindow(p, uint32(w))
	}
	return matches, s.err
}

func (s *Searcher) beginPhrase() {
	terms := s.q.Terms
	s.prepare()
	best := 0.0
	for i := range terms {
		best = max(best, terms[i].best())
	}
	s.shortestFirst()
	s.unit = (math.MaxUint16 - 1) / (best * (1 + 2*slack))
	for _, c := range s.cursors[:len(terms)] {
		c.scale(s.unit)
	}
	s.floor = 0
	s.raise(s.c.Threshold())
}

func (s *Searcher) phraseWindow(p *Phrase, w uint32) int {
	base, end := w*windowDocs, (w+1)*windowDocs
	least := uint32(math.MaxUint32)
	for i := range s.order {
		c := s.ordered(i)
		if c.windowed() {
			least = min(least, uint32(c.bounds[c.List.Windows[w]]))
		} else {
			if c.next < base && !c.advance(base) {
				s.corrupt()
				return 0
			}
			if c.next >= end {
				return 0
			}
			least = min(least, c.near(end))
		}
		if least == 0 || least < s.floor {
			return 0
		}
	}
	limited := s.limit(w)
	if limited == 0 {
		return 0
	}
	s.found, s.bound = s.found[:0], s.bound[:0]
	s.single(s.ordered(0), base, end, 0, limited > 0)
	for i := range s.order[1:] {
		s.meet(s.ordered(i+1), base, end)
	}
	n := 0
	for i, doc := range s.found {
		if s.bound[i] >= s.floor && s.aligned(doc) {
			if freq := s.occurrences(p, doc); freq > 0 {
				n++
				s.offerPhrase(&p.Terms[0], doc, freq)
			}
		}
	}
	return n
}

// ledPhrase is Phrase by the shortest list.
func (s *Searcher) ledPhrase(p *Phrase) (matches int) {
	lead := s.ordered(0)
	flat := s.leastOthers()
	block, least := s.worth(lead, 0, 0)
	for ; block != noBlock && flat >= s.floor; block, least = s.worth(lead, block+1, 0) {
		first := block * segment.BlockDocs
		impacts := lead.List.Impacts[first : first+lead.read.n]
		places := simd.Reach(impacts, least)
		for at := places.Next(0); at < len(impacts); at = places.Next(at + 1) {
			doc := lead.read.docs[at&(segment.BlockDocs-1)]
			if len(s.heavy) > 0 {
				if rest := s.heavy[doc/windowDocs]; rest == 0 || rest < s.floor {
					continue
				}
			}
			if uint32(lead.bounds[impacts[at]]) < s.floor || !s.visible(doc) || !s.alignedTo(first+at, doc) {
				continue
			}
			if freq := s.occurrences(p, doc); freq > 0 {
				matches++
				s.offerPhrase(&p.Terms[0], doc, freq)
			}
		}
	}
	return matches
}

// leastOthers makes heavy the least that the lists after the first have in each window, 0 where one of them has no
// document, empty if none knows its windows, and gives the least of the best of the others.
func (s *Searcher) leastOthers() (flat uint32) {
	s.heavy = s.heavy[:0]
	flat = math.MaxUint32
	for i := range s.order[1:] {
		c := s.ordered(i + 1)
		if !c.windowed() {
			flat = min(flat, uint32(c.bounds[c.List.Max]))
			continue
		}
		if len(s.heavy) == 0 {
			for range s.q.windows() {
				s.heavy = append(s.heavy, math.MaxUint32)
			}
		}
		for w := range s.heavy {
			s.heavy[w] = min(s.heavy[w], uint32(c.bounds[c.List.Windows[w]]))
		}
	}
	return flat
}

// alignedTo is aligned for a document whose posting in the first list is known.
func (s *Searcher) alignedTo(posting int, doc uint32) bool {
	s.ordered(0).posting = posting
	for i := range s.order[1:] {
		if !s.has(s.ordered(i+1), doc) {
			return false
		}
	}
	return true
}

// has reports whether a list has the document, often enough, and notes the posting.
func (s *Searcher) has(c *cursor, doc uint32) bool {
	posting, ok := c.find(doc)
	if !ok || uint32(c.bounds[c.List.Impacts[posting]]) < s.floor {
		return false
	}
	c.posting = posting
	return true
}

// aligned reports whether every term is in the document, often enough, and notes the postings.
func (s *Searcher) aligned(doc uint32) bool {
	for i := range s.order {
		if !s.has(s.ordered(i), doc) {
			return false
		}
	}
	return true
}

// occurrences counts the places in the document where the phrase stands.
func (s *Searcher) occurrences(p *Phrase, doc uint32) uint32 {
	var ok bool
	for i, slot := range p.Slots {
		c := s.cursors[slot.Term]
		data := c.List.SeekPositions(&c.positions, c.posting)
		if i == 0 {
			if s.starts, ok = segment.ReadPositions(s.starts[:0], data); !ok {
				s.corrupt()
				return 0
			}
			continue
		}
		if s.places, ok = segment.ReadPositions(s.places[:0], data); !ok {
			s.corrupt()
			return 0
		}
		if s.starts = Follow(s.starts, s.places, slot.Offset); len(s.starts) == 0 {
			return 0
		}
	}
	return uint32(len(s.starts))
}

// Follow keeps those of starts, in place, that have one of places at the distance; both are ascending.
func Follow(starts, places []uint32, distance uint32) []uint32 {
	kept, at := starts[:0], 0
	for _, start := range starts {
		for at < len(places) && places[at] < start+distance {
			at++
		}
		if at < len(places) && places[at] == start+distance {
			kept = append(kept, start)
		}
	}
	return kept
}

// offerPhrase scores a document as if the phrase was a term.
func (s *Searcher) offerPhrase(t *Term, doc, freq uint32) {
	if s.c.K() == 0 {
		return
	}
	s.c.Offer(doc, t.Norm.Score(t.Weight, freq, t.Field.Length(doc)))
	s.raise(s.c.Threshold())
}
