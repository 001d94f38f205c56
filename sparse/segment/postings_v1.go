package segment

import (
	"encoding/binary"
	"fmt"
)

// postingsV1 decodes the blocks that format 1 has.
type postingsV1 struct {
	shape     Shape
	data      []byte // what remains of the postings stream from the next block on
	positions []byte // the term's positions to the stream's end
	left      uint32 // documents after the present block
	last      uint32
	docs      []uint32
	freqs     []uint32
	blockPos  uint32
	// starts[i] is where the i-th document's positions begin; filled by the first call of Positions.
	starts []uint32
	err    error
}

func (f *Field) postingsV1(ordinal uint32) Postings {
	row := f.termsV1[termSizeV1*int(ordinal):]
	at, pos := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[8:])
	p := &postingsV1{shape: f.shape, left: binary.LittleEndian.Uint32(row[16:])}
	if at > uint64(len(f.postings)) || pos > uint64(len(f.positions)) {
		p.fail("offset outside the section")
		return p
	}
	p.data, p.positions = f.postings[at:], f.positions[pos:]
	return p
}

func (p *postingsV1) Docs() []uint32  { return p.docs }
func (p *postingsV1) Freqs() []uint32 { return p.freqs }
func (p *postingsV1) Err() error      { return p.err }

func (p *postingsV1) fail(what string) bool {
	p.err = fmt.Errorf("%w: postings: %s", ErrCorrupt, what)
	p.docs, p.freqs, p.left = nil, nil, 0
	return false
}

func (p *postingsV1) SeekBlock(doc uint32) bool {
	if n := len(p.docs); n > 0 && p.docs[n-1] >= doc {
		return true
	}
	for p.left > 0 && p.err == nil {
		if len(p.data) < blockHeader {
			return p.fail("truncated block")
		}
		if last := binary.LittleEndian.Uint32(p.data); last >= doc {
			break
		}
		size := int(binary.LittleEndian.Uint32(p.data[4:]))
		if len(p.data)-blockHeader < size {
			return p.fail("truncated block")
		}
		p.last = binary.LittleEndian.Uint32(p.data)
		p.data = p.data[blockHeader+size:]
		p.left -= min(p.left, BlockDocs)
	}
	return p.NextBlock()
}

func (p *postingsV1) NextBlock() bool {
	p.docs, p.freqs, p.starts = p.docs[:0], p.freqs[:0], p.starts[:0]
	if p.left == 0 || p.err != nil {
		return false
	}
	if len(p.data) < blockHeader {
		return p.fail("truncated block")
	}
	size := int(binary.LittleEndian.Uint32(p.data[4:]))
	if len(p.data)-blockHeader < size {
		return p.fail("truncated block")
	}
	p.blockPos = binary.LittleEndian.Uint32(p.data[8:])
	payload := p.data[blockHeader : blockHeader+size]
	p.data = p.data[blockHeader+size:]
	n := int(min(p.left, BlockDocs))
	p.left -= uint32(n)
	return p.decode(payload, n)
}

func (p *postingsV1) decode(payload []byte, n int) bool {
	at := 0
	for range n {
		gap, w := binary.Uvarint(payload[at:])
		if w <= 0 {
			return p.fail("bad document gap")
		}
		at += w
		p.last += uint32(gap)
		p.docs = append(p.docs, p.last)
	}
	switch p.shape {
	case ShapeText:
		for range n {
			freq, w := binary.Uvarint(payload[at:])
			if w <= 0 {
				return p.fail("bad frequency")
			}
			at += w
			p.freqs = append(p.freqs, uint32(freq))
		}
	case ShapeSparse:
		if len(payload)-at < 4*n {
			return p.fail("truncated weights")
		}
		for i := range n {
			p.freqs = append(p.freqs, binary.LittleEndian.Uint32(payload[at+4*i:]))
		}
	case ShapeKeyword, ShapePoints:
	}
	return true
}

func (p *postingsV1) Positions(dst []uint32, i int) []uint32 {
	if p.shape != ShapeText || i >= len(p.freqs) {
		return dst
	}
	if len(p.starts) == 0 {
		p.starts = append(p.starts, p.blockPos)
	}
	for len(p.starts) <= i {
		at := p.starts[len(p.starts)-1]
		for range p.freqs[len(p.starts)-1] {
			at = skipUvarint(p.positions, at)
		}
		p.starts = append(p.starts, at)
	}
	at, last := p.starts[i], uint32(0)
	for range p.freqs[i] {
		if int(at) >= len(p.positions) {
			p.fail("truncated positions")
			return dst
		}
		gap, w := binary.Uvarint(p.positions[at:])
		if w <= 0 {
			p.fail("bad position")
			return dst
		}
		at += uint32(w)
		last += uint32(gap)
		dst = append(dst, last)
	}
	return dst
}

// skipUvarint gives the offset after the varint at offset at, at most len(data).
func skipUvarint(data []byte, at uint32) uint32 {
	for int(at) < len(data) {
		at++
		if data[at-1] < 0x80 {
			break
		}
	}
	return at
}
