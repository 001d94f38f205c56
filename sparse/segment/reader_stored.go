package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
)

// Stored gives a document as it was written; the result is the caller's.
func (r *Reader) Stored(doc uint32) (Stored, error) {
	slot, err := r.storedSlot(doc)
	if err != nil {
		return Stored{}, err
	}
	at := sort.Search(r.storedBlocks(), func(i int) bool { return r.storedFirst(i) > slot }) - 1
	if at < 0 {
		return Stored{}, fmt.Errorf("%w: %s: no block for document %d", ErrCorrupt, r.path, doc)
	}
	block, err := r.storedBlock(at)
	if err != nil {
		return Stored{}, err
	}
	raw, err := r.unpack(nil, block)
	if err != nil {
		return Stored{}, err
	}
	for at := block.first; ; at++ {
		s, rest, ok := cutStored(raw)
		if !ok {
			return Stored{}, fmt.Errorf("%w: %s: stored document %d", ErrCorrupt, r.path, doc)
		}
		if at == slot {
			return s.decode(), nil
		}
		raw = rest
	}
}

// storedSlot gives the place of a document in the order of storage.
func (r *Reader) storedSlot(doc uint32) (uint32, error) {
	slot := doc
	if r.storedRows.n > 0 && doc < r.meta.Docs {
		slot = uint32(min(r.storedRows.at(doc), math.MaxUint32))
	}
	if slot >= r.meta.Docs {
		return 0, fmt.Errorf("%w: %s: stored document %d of %d", ErrCorrupt, r.path, doc, r.meta.Docs)
	}
	return slot, nil
}

// storedOwners gives the document of each slot.
func (r *Reader) storedOwners() ([]uint32, error) {
	owners := make([]uint32, r.meta.Docs)
	for slot := range owners {
		owners[slot] = Dropped
	}
	for doc := range r.meta.Docs {
		slot, err := r.storedSlot(doc)
		if err != nil {
			return nil, err
		}
		if owners[slot] != Dropped {
			return nil, fmt.Errorf("%w: %s: documents %d and %d are stored as one", ErrCorrupt, r.path, owners[slot], doc)
		}
		owners[slot] = doc
	}
	return owners, nil
}

// storedSpan is a block of stored documents: those of the slots from first to before end, whose size is that before
// compression.
type storedSpan struct {
	first, end, size uint32
	packed           []byte
}

// storedBlocks is the number of blocks.
func (r *Reader) storedBlocks() int { return len(r.storedIndex)/16 - 1 }

// storedFirst is the first slot of a block, and of the one after the last the number of slots.
func (r *Reader) storedFirst(at int) uint32 { return binary.LittleEndian.Uint32(r.storedIndex[16*at:]) }

func (r *Reader) storedBlock(at int) (storedSpan, error) {
	row := r.storedIndex[16*at : 16*at+32]
	b := storedSpan{first: r.storedFirst(at), end: r.storedFirst(at + 1), size: binary.LittleEndian.Uint32(row[4:])}
	from, to := binary.LittleEndian.Uint64(row[8:]), binary.LittleEndian.Uint64(row[24:])
	if from > to || to > uint64(len(r.stored)) || b.size > maxStoredBlock || b.first > b.end || b.end > r.meta.Docs {
		return b, fmt.Errorf("%w: %s: block %d of stored documents lies outside the section", ErrCorrupt, r.path, at)
	}
	b.packed = r.stored[from:to]
	return b, nil
}

// unpack decompresses a block into dst's room, which it may replace.
func (r *Reader) unpack(dst []byte, b storedSpan) ([]byte, error) {
	if cap(dst) < int(b.size) {
		dst = make([]byte, 0, b.size)
	}
	raw, err := r.zstd.DecodeAll(b.packed, dst[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %s: decompress documents stored from %d on: %w", ErrCorrupt, r.path, b.first, err)
	}
	return raw, nil
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
