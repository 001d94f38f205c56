package segment

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// writeIDs writes the ids, their offsets, and an open-addressing hash table of at least twice
// as many slots as documents, whose entries are document number + 1.
func (b *builder) writeIDs() error {
	offsets := make([]byte, 0, 8*(int(b.docs)+1))
	var ids []byte
	size := tableSize(b.docs)
	table := make([]byte, 4*size)
	next := uint32(0)
	err := b.each(func(src Source, doc uint32) error {
		id := src.ID(doc)
		offsets = binary.LittleEndian.AppendUint64(offsets, uint64(len(ids)))
		ids = append(ids, id...)
		slot := xxhash.Sum64String(id) & (size - 1)
		for binary.LittleEndian.Uint32(table[4*slot:]) != 0 {
			slot = (slot + 1) & (size - 1)
		}
		next++
		binary.LittleEndian.PutUint32(table[4*slot:], next)
		return nil
	})
	if err != nil {
		return err
	}
	offsets = binary.LittleEndian.AppendUint64(offsets, uint64(len(ids)))
	if err := b.out.section(sectionIDOffsets, 0, offsets); err != nil {
		return err
	}
	if err := b.out.section(sectionIDs, 0, ids); err != nil {
		return err
	}
	return b.out.section(sectionIDHash, 0, table)
}

// tableSize gives the slots of the id table: the power of two of at least 2 * docs, at least 2.
func tableSize(docs uint32) uint64 {
	return 1 << bits.Len64(max(1, 2*uint64(docs)-1))
}

func (b *builder) writeColumns() error {
	versions := make([]byte, 0, 8*int(b.docs))
	digests := make([]byte, 0, 8*int(b.docs))
	b.meta.MinVersion = math.MaxUint64
	err := b.each(func(src Source, doc uint32) error {
		c := src.Columns(doc)
		versions = binary.LittleEndian.AppendUint64(versions, c.Version)
		digests = binary.LittleEndian.AppendUint64(digests, c.Digest)
		b.meta.MinVersion = min(b.meta.MinVersion, c.Version)
		b.meta.MaxVersion = max(b.meta.MaxVersion, c.Version)
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.out.section(sectionVersions, 0, versions); err != nil {
		return err
	}
	return b.out.section(sectionDigests, 0, digests)
}
