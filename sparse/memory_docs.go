package sparse

import (
	"hash/maphash"
	"sync/atomic"

	"sagasu/sparse/segment"
)

// docChunk is the number of documents in a chunk.
const docChunk = 256

// memoryDoc is a document of the mutable segment.
type memoryDoc struct {
	id string
	// previous is the document with the same id before this one, plus one; 0 for none.
	previous uint32
	columns  segment.Columns
	stored   segment.Stored
}

// docTable has the documents by number, and finds the newest of each id. One goroutine adds documents while others
// read: a document is whole before it is counted or found.
type docTable struct {
	seed  maphash.Seed
	slots slotTable
	docs  chunkList[memoryDoc]
	count atomic.Uint32
}

// doc gives a document to the writer.
func (t *docTable) doc(n uint32) *memoryDoc { return &t.docs.own[n/docChunk][n%docChunk] }

// seen gives a document that is counted.
func (t *docTable) seen(n uint32) *memoryDoc { return &t.docs.load()[n/docChunk][n%docChunk] }

// add appends a document, whose previous it sets.
func (t *docTable) add(doc memoryDoc) uint32 {
	t.slots.room()
	n := t.count.Load()
	if n%docChunk == 0 {
		t.docs.grow(make([]memoryDoc, docChunk))
	}
	hash := uint32(maphash.String(t.seed, doc.id))
	mask := len(t.slots.own) - 1
	slot := int(hash) & mask
	for ; t.slots.own[slot] != 0; slot = (slot + 1) & mask {
		if s := t.slots.own[slot]; uint32(s>>32) == hash && t.doc(uint32(s)-1).id == doc.id {
			doc.previous = uint32(s)
			break
		}
	}
	*t.doc(n) = doc
	t.count.Store(n + 1)
	if doc.previous > 0 {
		t.slots.put(slot, hash, n)
	} else {
		t.slots.take(slot, hash, n)
	}
	return n
}

// newest finds the newest document with the id.
func (t *docTable) newest(id string) (doc uint32, ok bool) {
	slots := t.slots.load()
	if len(slots) == 0 {
		return 0, false
	}
	hash := uint32(maphash.String(t.seed, id))
	mask := len(slots) - 1
	for slot := int(hash) & mask; ; slot = (slot + 1) & mask {
		s := atomic.LoadUint64(&slots[slot])
		if s == 0 {
			return 0, false
		}
		if uint32(s>>32) == hash {
			if doc = uint32(s) - 1; t.seen(doc).id == id {
				return doc, true
			}
		}
	}
}
