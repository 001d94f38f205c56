package kernel

import (
	"math/bits"

	"sagasu/sparse/segment"
	"sagasu/sparse/simd"
)

func count(words *[windowWords]uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// allowed reports whether the mask has the document.
func (s *Searcher) allowed(doc uint32) bool { return s.mask[doc>>6&(windowWords-1)]>>(doc&63)&1 != 0 }

// single finds candidates by one list: those whose impact reaches the floor with what the other lists can add.
func (s *Searcher) single(c *cursor, base, end, rest uint32, limited bool) {
	least := c.least(s.floor, rest)
	if least > int(c.List.Max) {
		return
	}
	switch c.List.Form {
	case segment.FormDense:
		s.singleDense(c, base, rest, uint8(least), limited)
	case segment.FormBlocks:
		s.singleBlocks(c, base, end, rest, uint8(least), limited)
	case segment.FormTiny:
		for ; c.next < end; c.at++ {
			if q := c.List.Impacts[c.at]; int(q) >= least && (!limited || s.allowed(c.next)) {
				s.found, s.bound = append(s.found, c.next), append(s.bound, uint32(c.bounds[q])+rest)
			}
			if c.at+1 == c.List.Docs {
				c.at, c.next = c.List.Docs, noDoc
				return
			}
			c.next = c.read.docs[c.at+1]
		}
	}
}

// least is the lowest impact that reaches the floor together with rest, over 255 if none does.
func (c *cursor) least(floor, rest uint32) int {
	low, high := 1, int(c.List.Max)+1
	for low < high {
		mid := (low + high) / 2
		if uint32(c.bounds[mid])+rest < floor {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (s *Searcher) singleBlocks(c *cursor, base, end, rest uint32, least uint8, limited bool) {
	l := c.List
	for block := c.first(base); c.reaches(block, end); block++ {
		if l.BlockBound(block) < least {
			continue
		}
		first := block * segment.BlockDocs
		impacts := l.Impacts[first:min(first+segment.BlockDocs, l.Docs)]
		places := simd.Reach(impacts, least)
		if !places.Any() {
			continue
		}
		if !c.read.load(l, block) {
			s.corrupt()
			return
		}
		for i, w := range places {
			for ; w != 0; w &= w - 1 {
				at := i*64 + bits.TrailingZeros64(w)
				if doc := c.read.docs[at&(segment.BlockDocs-1)]; doc-base < windowDocs && (!limited || s.allowed(doc)) {
					s.found, s.bound = append(s.found, doc), append(s.bound, uint32(c.bounds[impacts[at]])+rest)
				}
			}
		}
	}
}

func (s *Searcher) singleDense(c *cursor, base, rest uint32, least uint8, limited bool) {
	l := c.List
	w := int(base / windowDocs)
	from, to := int(l.WindowRanks[w]), int(l.WindowRanks[w+1])
	words := l.Words[w*windowWords : (w+1)*windowWords]
	// before is the rank of the first document of word.
	word, before := 0, from
	for at := from; at < to; {
		end := min(to, (at/segment.BoundDocs+1)*segment.BoundDocs)
		if l.Bounds[at/segment.BoundDocs] < least {
			at = end
			continue
		}
		for i, w := range simd.Reach(l.Impacts[at:end], least) {
			for ; w != 0; w &= w - 1 {
				posting := at + i*64 + bits.TrailingZeros64(w)
				n := bits.OnesCount64(words[word])
				for posting-before >= n {
					before += n
					word++
					n = bits.OnesCount64(words[word])
				}
				doc := base + uint32(word*64+simd.Nth(words[word], posting-before))
				if !limited || s.allowed(doc) {
					s.found, s.bound = append(s.found, doc), append(s.bound, uint32(c.bounds[l.Impacts[posting]])+rest)
				}
			}
		}
		at = end
	}
}

// several finds candidates by adding up lists.
func (s *Searcher) several(lists []int32, base, end, rest uint32, limited bool) {
	var touched [windowWords]uint64
	for _, i := range lists {
		c := s.cursors[i]
		if c.List.Form == segment.FormDense {
			s.addDense(c, base, &touched)
		} else {
			s.addBlocks(c, base, end, &touched)
		}
	}
	need := uint16(1)
	if s.floor > rest {
		need = uint16(s.floor - rest)
	}
	for i, w := range touched {
		allowed := ^uint64(0)
		if limited {
			allowed = s.mask[i]
		}
		for ; w != 0; w &= w - 1 {
			bit := bits.TrailingZeros64(w)
			at := uint32(i*64+bit) & (windowDocs - 1)
			sum := s.scores[at]
			s.scores[at] = 0
			if sum >= need && allowed>>bit&1 != 0 {
				s.found, s.bound = append(s.found, base+at), append(s.bound, uint32(sum)+rest)
			}
		}
	}
}

func (s *Searcher) addDense(c *cursor, base uint32, touched *[windowWords]uint64) {
	l := c.List
	w := int(base / windowDocs)
	from, to := l.WindowRanks[w], l.WindowRanks[w+1]
	impacts := l.Impacts[from:to]
	at := 0
	for i, word := range l.Words[w*windowWords : (w+1)*windowWords] {
		touched[i] |= word
		for ; word != 0; word &= word - 1 {
			s.scores[(i*64+bits.TrailingZeros64(word))&(windowDocs-1)] += c.bounds[impacts[at]]
			at++
		}
	}
}

func (s *Searcher) addBlocks(c *cursor, base, end uint32, touched *[windowWords]uint64) {
	for block := c.first(base); c.reaches(block, end); block++ {
		docs, impacts, ok := c.within(block, base, end)
		if !ok {
			s.corrupt()
			return
		}
		for i, doc := range docs {
			at := doc & (windowDocs - 1)
			s.scores[at] += c.bounds[impacts[i]]
			touched[at>>6] |= 1 << (at & 63)
		}
	}
}

// spread writes the bounds of a list's postings in the window into spare, at their documents, which are bits.
func (s *Searcher) spread(c *cursor, base, end uint32) bool {
	s.bits = [windowWords]uint64{}
	for block := c.first(base); c.reaches(block, end); block++ {
		docs, impacts, ok := c.within(block, base, end)
		if !ok {
			s.corrupt()
			return false
		}
		for i, doc := range docs {
			at := doc & (windowDocs - 1)
			s.spare[at] = c.bounds[impacts[i]]
			s.bits[at>>6] |= 1 << (at & 63)
		}
	}
	return true
}

// spreadShare is how many postings of a list in a window are spread in the time that one candidate is looked up in.
const spreadShare = 8

// probe asks the first lists of the order, the one that can add most first, for what they have of the candidates, and
// drops those that can't reach the floor any more or, if all is set, that a list lacks.
func (s *Searcher) probe(lists int, base, end uint32, all bool) {
	for i := lists - 1; i >= 0 && len(s.found) > 0; i-- {
		c, most := s.ordered(i), s.most[i]
		if l := c.List; l.Form == segment.FormBlocks && len(s.found)*spreadShare*s.q.windows() >= l.Docs {
			s.probeAll(c, most, base, end, all)
		} else {
			s.probeEach(c, most, all)
		}
	}
}

// probeEach looks candidates up.
func (s *Searcher) probeEach(c *cursor, most uint32, all bool) {
	kept := 0
	for j, doc := range s.found {
		bound := s.bound[j] - most
		posting, ok := c.find(doc)
		if ok {
			bound += uint32(c.bounds[c.List.Impacts[posting]])
		} else if all {
			continue
		}
		if bound >= s.floor {
			s.found[kept], s.bound[kept] = doc, bound
			kept++
		}
	}
	s.found, s.bound = s.found[:kept], s.bound[:kept]
}

// probeAll reads what the list has in the window.
func (s *Searcher) probeAll(c *cursor, most, base, end uint32, all bool) {
	if !s.spread(c, base, end) {
		return
	}
	kept := 0
	for j, doc := range s.found {
		bound, at := s.bound[j]-most, doc&(windowDocs-1)
		if s.bits[at>>6]>>(at&63)&1 != 0 {
			bound += uint32(s.spare[at])
		} else if all {
			continue
		}
		if bound >= s.floor {
			s.found[kept], s.bound[kept] = doc, bound
			kept++
		}
	}
	s.found, s.bound = s.found[:kept], s.bound[:kept]
}

// conjunction finds the candidates that every list has: the shortest leads.
func (s *Searcher) conjunction(base, end uint32, limited bool) {
	lead := 0
	for i := range s.order {
		if s.ordered(i).List.Docs < s.ordered(lead).List.Docs {
			lead = i
		}
	}
	last := len(s.order) - 1
	s.order[lead], s.order[last] = s.order[last], s.order[lead]
	s.most[lead], s.most[last] = s.most[last], s.most[lead]
	rest := uint32(0)
	for _, most := range s.most[:last] {
		rest += most
	}
	s.single(s.ordered(last), base, end, rest, limited)
	for i := range last {
		s.meet(s.ordered(i), base, end)
	}
	s.probe(last, base, end, true)
}

// meetShare is how many postings of a list in a window are read in the time that one candidate is looked up in.
const meetShare = 8

// meet drops the candidates that a list lacks, where they are many enough for reading it to pay; the others are looked up
// later.
func (s *Searcher) meet(c *cursor, base, end uint32) {
	var held *[windowWords]uint64
	switch {
	case len(s.found) == 0:
		return
	case c.List.Form == segment.FormDense:
		held = (*[windowWords]uint64)(c.List.Words[base>>6:])
	case len(s.found)*meetShare*s.q.windows() < c.List.Docs:
		return
	default:
		if held = s.held(c, base, end); held == nil {
			s.found = s.found[:0]
			return
		}
	}
	kept := 0
	for i, doc := range s.found {
		at := doc & (windowDocs - 1)
		if held[at>>6]>>(at&63)&1 != 0 {
			s.found[kept], s.bound[kept] = doc, s.bound[i]
			kept++
		}
	}
	s.found, s.bound = s.found[:kept], s.bound[:kept]
}

// chosen takes the documents of the mask as candidates, where they are few, and asks every list about them.
func (s *Searcher) chosen(base uint32) {
	sum := s.under[len(s.order)]
	for i, w := range s.mask {
		for ; w != 0; w &= w - 1 {
			s.found = append(s.found, base+uint32(i*64+bits.TrailingZeros64(w)))
			s.bound = append(s.bound, sum)
		}
	}
	s.floor = max(s.floor, 1) // a document without any of the terms reaches nothing
	s.probe(len(s.order), base, base+windowDocs, false)
}

// groups finds the candidates that have a term of every group of a choice.
func (s *Searcher) groups(w uint32, limited bool) {
	var all [windowWords]uint64
	if !s.matches(w, &all) {
		return
	}
	sum := s.under[len(s.order)]
	for i, word := range all {
		if limited {
			word &= s.mask[i]
		}
		for ; word != 0; word &= word - 1 {
			s.found = append(s.found, w*windowDocs+uint32(i*64+bits.TrailingZeros64(word)))
			s.bound = append(s.bound, sum)
		}
	}
	s.probe(len(s.order), w*windowDocs, (w+1)*windowDocs, false)
}

// matches gives the documents of the window that match, without regard to what is allowed; false if there are none.
func (s *Searcher) matches(w uint32, out *[windowWords]uint64) bool {
	terms := s.cursors[:len(s.q.Terms)]
	if s.q.any() {
		return s.unite(w, terms, out)
	}
	some := false
	for i, choice := range s.q.Choices {
		var met [windowWords]uint64
		if !s.choose(w, choice, &met) {
			continue
		}
		if i == 0 {
			*out, some = met, true
			continue
		}
		some = true
		for j := range out {
			out[j] |= met[j]
		}
	}
	return some
}

// choose gives the documents of the window that have a term of every group of a choice.
func (s *Searcher) choose(w uint32, choice Choice, out *[windowWords]uint64) bool {
	terms := s.cursors[:len(s.q.Terms)]
	for len(terms) > 0 && terms[0].Group < choice.From {
		terms = terms[1:]
	}
	for group := choice.From; group < choice.To; group++ {
		n := 0
		for n < len(terms) && terms[n].Group == group {
			n++
		}
		var held [windowWords]uint64
		if !s.unite(w, terms[:n], &held) {
			return false
		}
		terms = terms[n:]
		if group == choice.From {
			*out = held
			continue
		}
		for i := range out {
			out[i] &= held[i]
		}
	}
	return choice.To > choice.From
}

// unite gives the documents of the window that have any of the terms; out is empty.
func (s *Searcher) unite(w uint32, terms []*cursor, out *[windowWords]uint64) bool {
	some := false
	for _, c := range terms {
		var held *[windowWords]uint64
		if c.List.Form == segment.FormDense {
			held = (*[windowWords]uint64)(c.List.Words[w*windowWords:])
		} else if held = s.held(c, w*windowDocs, (w+1)*windowDocs); held == nil {
			continue
		}
		some = true
		for i := range out {
			out[i] |= held[i]
		}
	}
	return some
}
