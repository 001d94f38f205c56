package segment

import "encoding/binary"

// postingsEncoder encodes the postings of one key at a time into a field's two streams.
type postingsEncoder struct {
	shape     Shape
	postings  []byte
	positions []byte

	docs, freqs   []uint32
	last          uint32
	count         uint32
	startPostings uint64
	startPos      uint64
	blockPos      int
}

// begin starts a key.
func (e *postingsEncoder) begin() {
	e.docs, e.freqs = e.docs[:0], e.freqs[:0]
	e.last, e.count = 0, 0
	e.startPostings = uint64(len(e.postings))
	e.startPos = uint64(len(e.positions))
	e.blockPos = len(e.positions)
}

// add appends a document; positions only for text.
func (e *postingsEncoder) add(doc, freq uint32, positions []uint32) {
	if len(e.docs) == BlockDocs {
		e.flush()
	}
	e.docs = append(e.docs, doc)
	e.freqs = append(e.freqs, freq)
	e.count++
	last := uint32(0)
	for _, p := range positions {
		e.positions = binary.AppendUvarint(e.positions, uint64(p-last))
		last = p
	}
}

// flush writes the block at hand.
func (e *postingsEncoder) flush() {
	if len(e.docs) == 0 {
		return
	}
	head := len(e.postings)
	e.postings = append(e.postings, make([]byte, blockHeader)...)
	last := e.last
	for _, d := range e.docs {
		e.postings = binary.AppendUvarint(e.postings, uint64(d-last))
		last = d
	}
	switch e.shape {
	case ShapeText:
		for _, f := range e.freqs {
			e.postings = binary.AppendUvarint(e.postings, uint64(f))
		}
	case ShapeSparse:
		for _, f := range e.freqs {
			e.postings = binary.LittleEndian.AppendUint32(e.postings, f)
		}
	case ShapeKeyword, ShapePoints:
	}
	h := e.postings[head:]
	binary.LittleEndian.PutUint32(h[0:], last)
	binary.LittleEndian.PutUint32(h[4:], uint32(len(e.postings)-head-blockHeader))
	binary.LittleEndian.PutUint32(h[8:], uint32(e.blockPos-int(e.startPos)))
	e.last = last
	e.docs, e.freqs = e.docs[:0], e.freqs[:0]
	e.blockPos = len(e.positions)
}

// end closes the key and appends its row of the terms table.
func (e *postingsEncoder) end(terms []byte) []byte {
	e.flush()
	terms = binary.LittleEndian.AppendUint64(terms, e.startPostings)
	terms = binary.LittleEndian.AppendUint64(terms, e.startPos)
	terms = binary.LittleEndian.AppendUint32(terms, e.count)
	return binary.LittleEndian.AppendUint32(terms, 0)
}
