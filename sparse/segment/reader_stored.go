package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
)

// Stored gives a document as it was written; the result is the caller's.
func (r *Reader) Stored(doc uint32) (Stored, error) {
	rows := len(r.storedIndex)/16 - 1
	block := sort.Search(rows, func(i int) bool { return binary.LittleEndian.Uint32(r.storedIndex[16*i:]) > doc }) - 1
	if block < 0 {
		return Stored{}, fmt.Errorf("%w: %s: no block for document %d", ErrCorrupt, r.path, doc)
	}
	row := r.storedIndex[16*block:]
	first, size := binary.LittleEndian.Uint32(row), binary.LittleEndian.Uint32(row[4:])
	from, to := binary.LittleEndian.Uint64(row[8:]), binary.LittleEndian.Uint64(row[24:])
	if from > to || to > uint64(len(r.stored)) || size > maxStoredBlock {
		return Stored{}, fmt.Errorf("%w: %s: block of document %d lies outside the section", ErrCorrupt, r.path, doc)
	}
	raw, err := r.zstd.DecodeAll(r.stored[from:to], make([]byte, 0, size))
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %s: decompress document %d: %w", ErrCorrupt, r.path, doc, err)
	}
	for at := first; ; at++ {
		s, rest, ok := cutStored(raw)
		if !ok {
			return Stored{}, fmt.Errorf("%w: %s: stored document %d", ErrCorrupt, r.path, at)
		}
		if at == doc {
			return s.decode(), nil
		}
		raw = rest
	}
}

// rawStored are the bytes of one stored document.
type rawStored struct{ source, vector []byte }

// cutStored cuts the first document off a block.
func cutStored(raw []byte) (s rawStored, rest []byte, ok bool) {
	n, w := binary.Uvarint(raw)
	if w <= 0 || n > uint64(len(raw)-w) {
		return s, nil, false
	}
	s.source, raw = raw[w:w+int(n)], raw[w+int(n):]
	n, w = binary.Uvarint(raw)
	if w <= 0 || n > uint64(len(raw)-w)/4 {
		return s, nil, false
	}
	s.vector, raw = raw[w:w+4*int(n)], raw[w+4*int(n):]
	return s, raw, true
}

func (s rawStored) decode() Stored {
	out := Stored{Source: s.source[:len(s.source):len(s.source)]}
	for v := s.vector; len(v) > 0; v = v[4:] {
		out.Vector = append(out.Vector, math.Float32frombits(binary.LittleEndian.Uint32(v)))
	}
	return out
}
