package segment

import (
	"fmt"
	"math/bits"
	"sort"
)

// listPostings walks a list block by block; a dense list's blocks are its windows.
type listPostings struct {
	list  List
	field *Field
	// next is the block to come, and first the number of the present one's first posting.
	next, first int
	docs        []uint32
	freqs       []uint32
	block       *[BlockDocs]uint32
	// raw is where BlockPositions was last.
	raw PositionCursor
	err error
}

// reset makes room for another list, of which the caller reads the head.
func (p *listPostings) reset(f *Field) {
	p.field, p.next, p.first, p.err, p.raw = f, 0, 0, nil, PositionCursor{}
	p.docs, p.freqs = p.docs[:0], p.freqs[:0]
}

func (p *listPostings) Docs() []uint32 { return p.docs }
func (p *listPostings) Err() error     { return p.err }

// Freqs are computed when asked for.
func (p *listPostings) Freqs() []uint32 {
	if len(p.freqs) > 0 || len(p.docs) == 0 {
		return p.freqs
	}
	switch p.field.shape {
	case ShapeText:
		for i, doc := range p.docs {
			p.freqs = append(p.freqs, p.list.Freq(p.first+i, p.field.Length(doc)))
		}
	case ShapeSparse:
		p.freqs = append(p.freqs, p.list.weights[p.first:p.first+len(p.docs)]...)
	case ShapeKeyword, ShapePoints:
		return nil
	}
	return p.freqs
}

func (p *listPostings) Positions(dst []uint32, i int) []uint32 {
	if p.field.shape != ShapeText || i >= len(p.docs) {
		return dst
	}
	out, ok := p.list.Positions(dst, p.first+i)
	if !ok {
		p.fail("truncated positions")
	}
	return out
}

// BlockPositions appends the bytes of the positions of the block's documents, and where each end.
func (p *listPostings) BlockPositions(dst []byte, ends []uint32) (bytes []byte, all []uint32, ok bool) {
	data := p.list.SeekPositions(&p.raw, p.first)
	ends, end, ok := endsOfPositions(ends, data, len(p.docs), uint32(len(dst)))
	if !ok {
		return dst, ends, false
	}
	// The next block's begin where these end.
	p.raw.posting, p.raw.at = p.raw.posting+len(p.docs), p.raw.at+end
	return append(dst, data[:end]...), ends, true
}

func (p *listPostings) fail(what string) bool {
	p.err = fmt.Errorf("%w: postings: %s", ErrCorrupt, what)
	p.docs, p.freqs = nil, nil
	return false
}

func (p *listPostings) blocks() int {
	if p.list.Form == FormDense {
		return len(p.list.WindowRanks) - 1
	}
	return len(p.list.Lasts)
}

func (p *listPostings) SeekBlock(doc uint32) bool {
	if n := len(p.docs); n > 0 && p.docs[n-1] >= doc {
		return true
	}
	if p.list.Form == FormDense {
		p.next = max(p.next, int(doc/WindowDocs))
	} else if rest := p.list.Lasts[min(p.next, len(p.list.Lasts)):]; len(rest) > 0 && rest[0] < doc {
		p.next += sort.Search(len(rest), func(i int) bool { return rest[i] >= doc })
	}
	for p.NextBlock() {
		if p.docs[len(p.docs)-1] >= doc {
			return true
		}
	}
	return false
}

func (p *listPostings) NextBlock() bool {
	p.docs, p.freqs = p.docs[:0], p.freqs[:0]
	for p.err == nil && p.next < p.blocks() {
		p.decode(p.next)
		p.next++
		if len(p.docs) == 0 {
			continue
		}
		if last := p.docs[len(p.docs)-1]; last >= p.field.docs {
			return p.fail("document outside the segment")
		}
		return true
	}
	return false
}

func (p *listPostings) decode(block int) {
	switch l := &p.list; l.Form {
	case FormTiny:
		p.docs, p.first = append(p.docs, l.Tiny[:l.Docs]...), 0
	case FormBlocks:
		if p.block == nil {
			p.block = new([BlockDocs]uint32)
		}
		p.docs, p.first = p.block[:l.Block(block, p.block)], block*BlockDocs
	case FormDense:
		p.first = int(l.WindowRanks[block])
		if p.docs == nil {
			p.docs = make([]uint32, 0, WindowDocs)
		}
		for i, w := range l.Words[block*WindowWords : (block+1)*WindowWords] {
			for ; w != 0; w &= w - 1 {
				p.docs = append(p.docs, uint32(block*WindowDocs+i*64+bits.TrailingZeros64(w)))
			}
		}
		if p.first+len(p.docs) > l.Docs {
			p.fail("ranks do not fit")
		}
	}
}
