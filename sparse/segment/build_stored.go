package segment

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
)

// storedWriter writes blocks of documents, each compressed by itself, and an index of a row a block: first
// slot u32, raw size u32, offset u64; a last row closes it.
//
// A document's slot is its rank in the order of the inputs, whatever its number: what a merge reads and writes are then
// whole blocks one after the other, however the documents are ordered.
type storedWriter struct {
	b   *builder
	enc *zstd.Encoder
	// raw is the block at hand, which begins with the slot first; next is the slot to come.
	raw, packed []byte
	first, next uint32
	index       []byte
	// slots are by new document.
	slots []uint32
	// moved is set once a slot is not its document's number.
	moved bool
}

func (b *builder) writeStored() error {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return fmt.Errorf("make compressor: %w", err)
	}
	if err := b.out.begin(); err != nil {
		return err
	}
	w := &storedWriter{b: b, enc: enc, slots: make([]uint32, b.docs)}
	for i, in := range b.inputs {
		if r, ok := in.Source.(*Reader); ok {
			err = w.merge(r, b.maps[i])
		} else {
			err = w.add(in.Source, b.maps[i])
		}
		if err != nil {
			return err
		}
	}
	if len(w.raw) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.row(0)
	b.out.end(sectionStored, 0)
	if err := b.out.section(sectionStoredIndex, 0, w.index); err != nil {
		return err
	}
	if !w.moved {
		return nil
	}
	return b.out.section(sectionStoredRows, 0, packColumn(w.slots))
}

// add encodes the documents of a source.
func (w *storedWriter) add(src Source, docs []uint32) error {
	for doc, to := range docs {
		if to == Dropped {
			continue
		}
		stored, err := src.Stored(uint32(doc))
		if err != nil {
			return err
		}
		w.raw = appendStored(w.raw, stored)
		w.place(to)
		if err := w.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// merge takes over the documents of a segment. Blocks of which no document is dropped are copied as they are. What is
// too small for a block of its own goes into one with the block after it: were blocks filled to the same size, one small
// rest would shift all that follow.
func (w *storedWriter) merge(r *Reader, docs []uint32) error {
	owners, err := r.storedOwners()
	if err != nil {
		return err
	}
	if first, last := r.storedFirst(0), r.storedFirst(r.storedBlocks()); first != 0 || last != r.meta.Docs {
		return fmt.Errorf("%w: %s: documents %d to %d of %d are stored", ErrCorrupt, r.path, first, last, r.meta.Docs)
	}
	var raw []byte
	for at := range r.storedBlocks() {
		block, err := r.storedBlock(at)
		if err != nil {
			return err
		}
		w.b.plan.pause()
		whole, alive := true, false
		for _, doc := range owners[block.first:block.end] {
			whole = whole && docs[doc] != Dropped
			alive = alive || docs[doc] != Dropped
		}
		if !alive {
			continue
		}
		pending, size := len(w.raw), int(block.size)
		whole = whole && size >= storedBlock/2
		if whole && (pending == 0 || pending >= storedBlock/2 || pending+size > 2*storedBlock) {
			if err := w.copy(block, owners, docs); err != nil {
				return err
			}
			continue
		}
		if raw, err = r.unpack(raw, block); err != nil {
			return err
		}
		if err := w.addBlock(r, raw, block, owners, docs, whole); err != nil {
			return err
		}
	}
	return nil
}

// copy writes a block as it is.
func (w *storedWriter) copy(block storedSpan, owners, docs []uint32) error {
	if len(w.raw) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.row(block.size)
	for _, doc := range owners[block.first:block.end] {
		w.place(docs[doc])
	}
	w.first = w.next
	return w.b.out.write(block.packed)
}

// addBlock takes the documents of an unpacked block that are not dropped; those of a whole one stay together.
func (w *storedWriter) addBlock(r *Reader, raw []byte, block storedSpan, owners, docs []uint32, whole bool) error {
	for slot := block.first; slot < block.end; slot++ {
		_, rest, ok := cutStored(raw)
		if !ok {
			return fmt.Errorf("%w: %s: stored document %d", ErrCorrupt, r.path, owners[slot])
		}
		if to := docs[owners[slot]]; to != Dropped {
			w.raw = append(w.raw, raw[:len(raw)-len(rest)]...)
			w.place(to)
		}
		raw = rest
		if !whole || slot == block.end-1 {
			if err := w.flushFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flushFull closes the block if it is large enough.
func (w *storedWriter) flushFull() error {
	if len(w.raw) >= storedBlock {
		return w.flush()
	}
	return nil
}

// place gives the document the next slot.
func (w *storedWriter) place(doc uint32) {
	w.slots[doc] = w.next
	w.moved = w.moved || doc != w.next
	w.next++
}

func (w *storedWriter) row(size uint32) {
	w.index = binary.LittleEndian.AppendUint32(w.index, w.first)
	w.index = binary.LittleEndian.AppendUint32(w.index, size)
	w.index = binary.LittleEndian.AppendUint64(w.index, w.b.out.offset-w.b.out.start)
}

func (w *storedWriter) flush() error {
	w.b.plan.pause()
	w.row(uint32(len(w.raw)))
	w.packed = w.enc.EncodeAll(w.raw, w.packed[:0])
	w.raw, w.first = w.raw[:0], w.next
	return w.b.out.write(w.packed)
}

// appendStored appends length and bytes of the source, then dimensions and float32s of the vector.
func appendStored(dst []byte, s Stored) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s.Source)))
	dst = append(dst, s.Source...)
	dst = binary.AppendUvarint(dst, uint64(len(s.Vector)))
	for _, x := range s.Vector {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return dst
}
