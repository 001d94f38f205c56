package sparse

import (
	"slices"

	"sagasu/sparse/segment"
)

// memoryList are the postings of a term as they were when it was looked up, a block at a time. Implements
// segment.Postings.
type memoryList struct {
	words   [][]uint32
	bytes   [][]byte
	columns int
	// block is the address of the block to come, which has room for room documents; left are those to come in all.
	block, room, left uint32
	// total is the number of all documents; those from limit on are not given.
	total, limit uint32

	docs, freqs []uint32
	// places are, by document, the address of its positions, or its only position.
	places []uint32
}

// NextBlock moves to the next block.
func (p *memoryList) NextBlock() bool {
	p.docs, p.freqs, p.places = nil, nil, nil
	if p.left == 0 {
		return false
	}
	block := from(p.words, p.block)
	n := min(p.room, p.left)
	if block[n] >= p.limit {
		at, _ := slices.BinarySearch(block[1:1+n], p.limit)
		if n, p.left = uint32(at), uint32(at); n == 0 {
			return false
		}
	}
	column := func(i uint32) []uint32 { return block[1+i*p.room : 1+i*p.room+n : 1+i*p.room+n] }
	p.docs = column(0)
	if p.columns > 1 {
		p.freqs = column(1)
	}
	if p.columns > 2 {
		p.places = column(2)
	}
	if p.left -= n; p.left > 0 {
		p.block, p.room = block[0], nextRoom(p.room)
	}
	return true
}

// SeekBlock moves to the first block whose last document is at least doc.
func (p *memoryList) SeekBlock(doc uint32) bool {
	if n := len(p.docs); n > 0 && p.docs[n-1] >= doc {
		return true
	}
	for p.NextBlock() {
		if p.docs[len(p.docs)-1] >= doc {
			return true
		}
	}
	return false
}

// Docs are the block's documents.
func (p *memoryList) Docs() []uint32 { return p.docs }

// Freqs are parallel to Docs.
func (p *memoryList) Freqs() []uint32 { return p.freqs }

// Err is nil: nothing fails in memory.
func (p *memoryList) Err() error { return nil }

// Positions appends those of the block's i-th document.
func (p *memoryList) Positions(dst []uint32, i int) []uint32 {
	if p.freqs[i] == 1 {
		return append(dst, p.places[i])
	}
	// What memory holds was written by AppendPositions, and is whole.
	dst, _ = segment.ReadPositions(dst, from(p.bytes, p.places[i]))
	return dst
}

// BlockPositions appends those of the block's documents as segments have them, and where each end.
func (p *memoryList) BlockPositions(dst []byte, ends []uint32) (bytes []byte, all []uint32, ok bool) {
	for i, place := range p.places {
		switch {
		case p.freqs[i] > 1:
			dst = append(dst, segment.CutPositions(from(p.bytes, place))...)
		case place < segment.ShortPosition:
			dst = append(dst, byte(place))
		default:
			dst = segment.AppendPositions(dst, p.places[i:i+1])
		}
		ends = append(ends, uint32(len(dst)))
	}
	return dst, ends, true
}

func nextRoom(room uint32) uint32 { return min(2*room, maxBlockDocs) }
