package kernel

import (
	"math"
	"sort"

	"sagasu/sparse/segment"
)

// noBlock is the number of no block.
const noBlock = -1

// cursor is a term while its query runs. Windows are visited in ascending order.
type cursor struct {
	*Term
	// bounds gives the integer bound of each impact.
	bounds [256]uint16

	// at is the first posting not before the present window, for lists in blocks; next its document, or noDoc.
	at   int
	next uint32
	read decoded
	// look is a second block, for looking up documents while read walks ahead.
	look decoded
	// posting is what the cursor found last in a phrase's document, positions where its positions were read.
	posting   int
	positions segment.PositionCursor
}

// decoded is a block of a list.
type decoded struct {
	block int
	n     int
	docs  [segment.BlockDocs]uint32
}

const noDoc = ^uint32(0)

func (d *decoded) load(l *segment.List, block int) bool {
	if d.block == block {
		return true
	}
	d.block, d.n = block, l.Block(block, &d.docs)
	return d.n > 0
}

// reset prepares the cursor for a query.
func (c *cursor) reset(t *Term) {
	c.Term = t
	c.at, c.next = 0, 0
	c.positions = segment.PositionCursor{}
	c.read.block, c.look.block = noBlock, noBlock
	if l := t.List; l.Form == segment.FormTiny {
		c.read.block, c.read.n = 0, l.Docs
		copy(c.read.docs[:], l.Tiny[:l.Docs])
		c.next = c.read.docs[0]
	}
}

// start makes next the first document, where windows are not known.
func (c *cursor) start() bool { return c.windowed() || c.settle() }

// settle makes next the document of the posting at.
func (c *cursor) settle() bool {
	l := c.List
	if c.at >= l.Docs {
		c.next = noDoc
		return true
	}
	if l.Form == segment.FormTiny {
		c.next = c.read.docs[c.at]
		return true
	}
	if !c.read.load(l, c.at/segment.BlockDocs) {
		return false
	}
	c.next = c.read.docs[c.at%segment.BlockDocs]
	return true
}

// advance moves to the first posting at or above doc.
func (c *cursor) advance(doc uint32) bool {
	if c.next >= doc {
		return true
	}
	l := c.List
	block := c.at / segment.BlockDocs
	if l.Lasts[block] < doc {
		lasts := l.Lasts[block+1:]
		skip := 0
		if len(lasts) > 0 && lasts[0] < doc {
			skip = sort.Search(len(lasts), func(i int) bool { return lasts[i] >= doc })
		}
		block += 1 + skip
		c.at = block * segment.BlockDocs
		if block >= len(l.Lasts) {
			c.at, c.next = l.Docs, noDoc
			return true
		}
	}
	if !c.read.load(l, block) {
		return false
	}
	c.at = block*segment.BlockDocs + lowerBound(c.read.docs[:c.read.n], c.at%segment.BlockDocs, doc)
	return c.settle()
}

// first gives the block of the first posting in the window at base or after it; windows are visited in ascending order.
func (c *cursor) first(base uint32) int {
	block := c.at / segment.BlockDocs
	if lasts := c.List.Lasts; block < len(lasts) && lasts[block] < base {
		block = blockOf(lasts, block, base)
		c.at = block * segment.BlockDocs
	}
	return block
}

// reaches reports whether there is such a block and it begins before end.
func (c *cursor) reaches(block int, end uint32) bool {
	lasts := c.List.Lasts
	return block < len(lasts) && (block == 0 || lasts[block-1] < end-1)
}

// within gives the part of a block in a window, with the postings' impacts; not ok where the file is not what it says.
func (c *cursor) within(block int, base, end uint32) (docs []uint32, impacts []uint8, ok bool) {
	if !c.read.load(c.List, block) {
		return nil, nil, false
	}
	docs = c.read.docs[:c.read.n]
	from, to := 0, len(docs)
	if docs[0] < base {
		from = lowerBound(docs, 0, base)
	}
	if docs[to-1] >= end {
		to = lowerBound(docs, from, end)
	}
	first := block * segment.BlockDocs
	return docs[from:to], c.List.Impacts[first+from : first+to], true
}

// lowerBound gives the first index from from on whose document is not below doc.
func lowerBound(docs []uint32, from int, doc uint32) int {
	// Windows follow each other: it is often near.
	for i := from; i < len(docs) && i < from+8; i++ {
		if docs[i] >= doc {
			return i
		}
	}
	at, n := from, len(docs)-from
	for n > 0 {
		half := n >> 1
		if docs[at+half] < doc {
			at += half + 1
			n -= half + 1
		} else {
			n = half
		}
	}
	return at
}

// windowed reports whether the list knows its bounds by window.
func (c *cursor) windowed() bool { return c.List.Windows != nil }

// near is the bound of a list without bounds by window in the window that ends before end, which next is in.
func (c *cursor) near(end uint32) uint32 {
	l := c.List
	from, block := c.at, c.at/segment.BlockDocs
	last := from
	if l.Form == segment.FormTiny {
		for last < l.Docs && c.read.docs[last] < end {
			last++
		}
	} else {
		last = block*segment.BlockDocs + lowerBound(c.read.docs[:c.read.n], from%segment.BlockDocs, end)
	}
	q := uint8(0)
	for _, i := range l.Impacts[from:last] {
		q = max(q, i)
	}
	for block++; block < len(l.Lasts) && l.Lasts[block-1] < end-1; block++ {
		q = max(q, l.BlockBound(block))
	}
	return uint32(c.bounds[q])
}

// holds reports whether the block looked at last is the one that a document would be in.
func (c *cursor) holds(doc uint32) bool {
	block := c.look.block
	return block != noBlock && c.List.Lasts[block] >= doc && (block == 0 || c.List.Lasts[block-1] < doc)
}

// find gives the posting of a document, ok false if the list does not have it. Fast for ascending documents.
func (c *cursor) find(doc uint32) (posting int, ok bool) {
	l := c.List
	switch l.Form {
	case segment.FormDense:
		return l.Rank(doc)
	case segment.FormTiny:
		for i, d := range l.Tiny[:l.Docs] {
			if d >= doc {
				return i, d == doc
			}
		}
		return 0, false
	case segment.FormBlocks:
	}
	d := &c.look
	block := d.block
	// What holds says, spelt out: with the call any word and top-100 take longer.
	if block == noBlock || l.Lasts[block] < doc || block > 0 && l.Lasts[block-1] >= doc {
		if block = blockOf(l.Lasts, max(block, 0), doc); block == len(l.Lasts) {
			return 0, false
		}
		if c.read.block == block {
			d = &c.read
		} else if !d.load(l, block) {
			return 0, false
		}
	}
	i := search(&d.docs, d.n, doc)
	return block*segment.BlockDocs + i, d.docs[i] == doc
}

// blockOf gives the block of a document, near the block from.
func blockOf(lasts []uint32, from int, doc uint32) int {
	if from > 0 && lasts[from-1] >= doc {
		from = 0
	}
	step := 1
	for from+step < len(lasts) && lasts[from+step] < doc {
		from += step
		step <<= 1
	}
	low, high := from, min(from+step+1, len(lasts))
	for low < high {
		mid := int(uint(low+high) >> 1)
		if lasts[mid] < doc {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// search gives the index of the first of n ascending documents that is not below doc, or the last one.
func search(docs *[segment.BlockDocs]uint32, n int, doc uint32) int {
	at := 0
	for n > 1 {
		half := n >> 1
		if docs[(at+half-1)&(segment.BlockDocs-1)] < doc {
			at += half
		}
		n -= half
	}
	return at & (segment.BlockDocs - 1)
}

// slack is how much bounds and thresholds give way to the rounding of doubles.
const slack = 1e-9

// drift says by what factor a saturation can be above, and below, the one that the list's impacts were made of: the
// average length moves as documents come and go. With the same Base, (tf + norm)/(tf + norm') is between 1 and the ratio
// of the slopes.
func (t *Term) drift() (above, below float64) {
	if !t.Text {
		return 1, 1
	}
	made := t.Field.Norm()
	switch {
	case made == t.Norm:
		return 1, 1
	case made.Base != t.Norm.Base || made.Slope <= 0 || t.Norm.Slope <= 0:
		return math.Inf(1), 0
	case made.Slope > t.Norm.Slope:
		return made.Slope / t.Norm.Slope, 1
	}
	return 1, made.Slope / t.Norm.Slope
}

// best is the highest weight that the list can give.
func (t *Term) best() float64 {
	above, _ := t.drift()
	w := above * t.List.Scale * float64(t.List.Max)
	if t.Text {
		w = min(w, 1)
	}
	return t.Weight * w
}

// scale fills in the integer bounds: the score one is scale.
func (c *cursor) scale(scale float64) {
	above, _ := c.drift()
	most := math.Inf(1)
	if c.Text {
		most = 1
	}
	step, unit := above*c.List.Scale, c.Weight*scale*(1+slack)
	c.bounds[0] = 0 // no posting has the impact 0
	for q := 1; q <= int(c.List.Max); q++ {
		c.bounds[q] = uint16(uint32(min(step*float64(q), most)*unit)) + 1 // rounded up
	}
}

// prime gives a score that k live documents are known to reach by this term alone, 0 if none is known.
func (t *Term) prime(k int) float64 {
	if t.Deleted < 0 || k == 0 {
		return 0
	}
	_, under := t.drift()
	for i, rank := range segment.KthRanks() {
		if rank-t.Deleted >= k {
			return t.Weight * float64(t.List.Kth[i]) * under * (1 - slack)
		}
	}
	return 0
}
