package segment

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// writeIDs writes the ids, where they begin and end, and the table by which they are found.
func (b *builder) writeIDs() error {
	offsets := make([]uint64, 0, int(b.docs)+1)
	var ids []byte
	table := newIDTable(b.docs)
	err := b.each(func(src Source, doc uint32) error {
		id := src.ID(doc)
		table.add(uint32(len(offsets)), xxhash.Sum64String(id))
		offsets = append(offsets, uint64(len(ids)))
		ids = append(ids, id...)
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.out.section(sectionIDOffsets, 0, packColumn(append(offsets, uint64(len(ids))))); err != nil {
		return err
	}
	if err := b.out.section(sectionIDs, 0, ids); err != nil {
		return err
	}
	return b.out.section(sectionIDHash, 0, table.data)
}

func (b *builder) writeColumns() error {
	versions := make([]uint64, 0, int(b.docs))
	digests := make([]byte, 0, 8*int(b.docs))
	b.meta.MinVersion = math.MaxUint64
	err := b.each(func(src Source, doc uint32) error {
		c := src.Columns(doc)
		versions = append(versions, c.Version)
		digests = binary.LittleEndian.AppendUint64(digests, c.Digest)
		b.meta.MinVersion = min(b.meta.MinVersion, c.Version)
		b.meta.MaxVersion = max(b.meta.MaxVersion, c.Version)
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.out.section(sectionVersions, 0, packColumn(versions)); err != nil {
		return err
	}
	return b.out.section(sectionDigests, 0, digests)
}
