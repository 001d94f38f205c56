package segment

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// idTable finds documents by the hashes of their ids, by open addressing: a slot is the document plus one and, in the bits
// above, as many of the lowest bits of the hash as there is room for, so that hardly any other id is looked at. 0 is an
// empty slot. The upper bits of the hash choose the slot. Four slots for three documents: where a slot is not the one, it
// is told from the same line of the cache.
type idTable struct {
	data []byte
	// docBits are those of a slot that are the document's.
	docBits int
}

// idSlots is the number of slots.
func idSlots(docs uint32) uint64 { return uint64(docs) + uint64(docs)/3 + 1 }

func newIDTable(docs uint32) idTable {
	return idTable{data: make([]byte, 4*idSlots(docs)), docBits: bits.Len32(docs)}
}

func (t idTable) slots() uint64 { return uint64(len(t.data) / 4) }

// first is the slot in which a hash is looked for first.
func (t idTable) first(hash uint64) uint64 {
	slot, _ := bits.Mul64(hash, t.slots())
	return slot
}

func (t idTable) next(slot uint64) uint64 {
	if slot++; slot < t.slots() {
		return slot
	}
	return 0
}

// add adds a document; there are no more than newIDTable was told of.
func (t idTable) add(doc uint32, hash uint64) {
	slot := t.first(hash)
	for binary.LittleEndian.Uint32(t.data[4*slot:]) != 0 {
		slot = t.next(slot)
	}
	binary.LittleEndian.PutUint32(t.data[4*slot:], uint32(uint64(doc+1)|hash<<t.docBits))
}

// find gives the document whose id is gives as the one, if there is any.
func (t idTable) find(id string, docs uint32, is func(doc uint32) string) (doc uint32, ok bool) {
	hash := xxhash.Sum64String(id)
	mark, mine := uint32(hash<<t.docBits), uint32(1)<<t.docBits-1
	slot := t.first(hash)
	for range t.slots() {
		entry := binary.LittleEndian.Uint32(t.data[4*slot:])
		if entry == 0 {
			break
		}
		doc := entry&mine - 1
		if entry&^mine == mark && doc < docs && is(doc) == id {
			return doc, true
		}
		slot = t.next(slot)
	}
	return 0, false
}

// findV1 is find in a table of format 1: slots are whole numbers, twice the documents at least and a power of two, of
// which the lowest bits of the hash choose one.
func (t idTable) findV1(id string, docs uint32, is func(doc uint32) string) (doc uint32, ok bool) {
	slot := xxhash.Sum64String(id) & (t.slots() - 1)
	for range t.slots() {
		entry := binary.LittleEndian.Uint32(t.data[4*slot:])
		if entry == 0 || entry > docs {
			break
		}
		if is(entry-1) == id {
			return entry - 1, true
		}
		slot = (slot + 1) & (t.slots() - 1)
	}
	return 0, false
}

// idSlotsV1 is the number of slots of format 1.
func idSlotsV1(docs uint32) uint64 { return 1 << bits.Len64(max(1, 2*uint64(docs)-1)) }
