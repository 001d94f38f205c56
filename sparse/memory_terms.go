package sparse

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"
)

const (
	// termChunk is the number of terms in a chunk, a power of two.
	termChunk = 256
	// maxBlockDocs bounds a block of postings: blocks double up to it, so that a key of few documents is small and
	// little of a large one is empty.
	maxBlockDocs = 1024
	// shortKey is the room for a key within its term, which fills the term up to 64 bytes.
	shortKey = 20
)

// memoryTerm is a key and where its documents are: blocks of which each has twice the room of the one before, up to
// maxBlockDocs. A block is the address of the next and then a column of each kind: documents, frequencies, places
// of positions.
type memoryTerm struct {
	// short has a key that fits; of others key is the address. All of a term that adding a document reads is one line of
	// the cache.
	short       [shortKey]byte
	key, keyLen uint32
	// docs counts the documents; what is stored of one is there before it is counted. posted is the writer's count, which
	// is ahead while it adds a document.
	docs   atomic.Uint32
	posted uint32
	// seen is the newest document, plus one; local its number among that document's terms.
	seen, local uint32
	// first is the first block; tail the last, of which the next document takes the place at.
	first, tail uint32
	at, room    uint32
	// deleted counts the documents here that are deleted.
	deleted atomic.Uint32
}

// live is the number of documents that are not deleted, of docs.
func (t *memoryTerm) live(docs uint32) uint32 { return docs - min(t.deleted.Load(), docs) }

// termTable is a hash table of terms with linear probing. One goroutine adds terms while others look for them: a term is
// whole before its slot is set.
type termTable struct {
	seed  maphash.Seed
	slots slotTable
	count atomic.Uint32
	terms chunkList[memoryTerm]
	keys  arena[byte]
}

// term gives a term to the writer.
func (t *termTable) term(id uint32) *memoryTerm { return termOf(t.terms.own, id) }

func termOf(terms [][]memoryTerm, id uint32) *memoryTerm { return &terms[id/termChunk][id%termChunk] }

// key gives a term's key, which shares the table's memory: that never changes.
func (t *termTable) key(m *memoryTerm) string {
	if m.keyLen <= shortKey {
		return unsafe.String(&m.short[0], int(m.keyLen))
	}
	return unsafe.String(&from(t.keys.chunks.load(), m.key)[0], int(m.keyLen))
}

// find gives the key's term, nil if there is none.
func (t *termTable) find(key string) *memoryTerm {
	slots := t.slots.load()
	if len(slots) == 0 {
		return nil
	}
	hash := t.hash(key)
	mask := len(slots) - 1
	for slot := int(hash) & mask; ; slot = (slot + 1) & mask {
		s := atomic.LoadUint64(&slots[slot])
		if s == 0 {
			return nil
		}
		if uint32(s>>32) == hash {
			if m := termOf(t.terms.load(), uint32(s)-1); t.key(m) == key {
				return m
			}
		}
	}
}

func (t *termTable) hash(key string) uint32 { return uint32(maphash.String(t.seed, key)) }

// peek reads what getHashed will, so that it is in the cache by then; several at once cost little more than one.
func (t *termTable) peek(hash uint32) uint32 {
	if len(t.slots.own) == 0 {
		return 0
	}
	s := t.slots.own[int(hash)&(len(t.slots.own)-1)]
	if s == 0 {
		return 0
	}
	return t.term(uint32(s) - 1).seen
}

// getHashed gives the number of the key's term, which it makes if there is none.
func (t *termTable) getHashed(key string, hash uint32) (id uint32, made bool) {
	t.slots.room()
	mask := len(t.slots.own) - 1
	slot := int(hash) & mask
	for ; t.slots.own[slot] != 0; slot = (slot + 1) & mask {
		if s := t.slots.own[slot]; uint32(s>>32) == hash {
			id = uint32(s) - 1
			if t.key(t.term(id)) == key {
				return id, false
			}
		}
	}
	id = t.count.Load()
	if id%termChunk == 0 {
		t.terms.grow(make([]memoryTerm, termChunk))
	}
	m := t.term(id)
	m.keyLen = uint32(len(key))
	if copy(m.short[:], key) < len(key) {
		at, dst := t.keys.alloc(len(key))
		copy(dst, key)
		m.key = at
	}
	t.count.Store(id + 1)
	t.slots.take(slot, hash, id)
	return id, true
}

// sorted gives the numbers of all terms, ascending by key.
func (t *termTable) sorted() []uint32 {
	type entry struct {
		prefix uint64
		id     uint32
	}
	entries := make([]entry, t.count.Load())
	for id := range entries {
		var first [8]byte
		copy(first[:], t.key(t.term(uint32(id))))
		entries[id] = entry{binary.BigEndian.Uint64(first[:]), uint32(id)}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return strings.Compare(t.key(t.term(a.id)), t.key(t.term(b.id)))
	})
	ids := make([]uint32, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}
