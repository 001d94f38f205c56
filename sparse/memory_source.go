package sparse

import (
	"math"
	"slices"

	"sagasu/sparse/segment"
)

// The methods of segment.Source, for a frozen memory segment and for readers of stored documents.

// NumDocs is the number of documents.
func (m *memory) NumDocs() uint32 { return m.docs.count.Load() }

// ID gives a document's id.
func (m *memory) ID(doc uint32) string { return m.docs.seen(doc).id }

// Columns gives a document's version and digest.
func (m *memory) Columns(doc uint32) segment.Columns { return m.docs.seen(doc).columns }

// Stored gives a document as it was written.
func (m *memory) Stored(doc uint32) (segment.Stored, error) { return m.docs.seen(doc).stored, nil }

// Lookup finds the newest document with the id.
func (m *memory) Lookup(id string) (uint32, bool) { return m.docs.newest(id) }

// lookupBefore finds the newest document with the id among the first docs documents.
func (m *memory) lookupBefore(id string, docs uint32) (uint32, bool) {
	doc, ok := m.docs.newest(id)
	for ok && doc >= docs {
		previous := m.docs.seen(doc).previous
		doc, ok = previous-1, previous > 0
	}
	return doc, ok
}

// Field gives one field, for Build.
func (m *memory) Field(ordinal int) segment.FieldSource { return m.columns[ordinal] }

// Length is a document's number of tokens; for the writer, and for Build of a frozen segment.
func (c *memoryField) Length(doc uint32) uint32 { return c.lengths[doc] }

// Points gives values and documents as of the last batch.
func (c *memoryField) Points() ([]int64, []uint32) {
	seen := c.seen.Load()
	return seen.values, seen.docs
}

// find gives the term of a key, nil if there is none.
func (c *memoryField) find(key string) *memoryTerm { return c.terms.find(key) }

// docFreq gives the number of a key's documents, deleted ones not counted.
func (c *memoryField) docFreq(key string) uint32 {
	t := c.terms.find(key)
	if t == nil {
		return 0
	}
	return t.live(t.docs.Load())
}

// noteDeleted lowers the frequencies of a deleted document's terms; text only. Only the writer calls it.
func (c *memoryField) noteDeleted(doc uint32) {
	run := c.forward[doc]
	if run.n == 0 {
		return
	}
	for _, id := range c.forwards.at(run.at)[:run.n] {
		c.terms.term(id).deleted.Add(1)
	}
}

// holders gives the documents that hold the field, ascending, possibly repeated.
func (c *memoryField) holders() []uint32 { return c.seen.Load().docs }

// view gives the postings as they are now, of the documents below a limit.
func (c *memoryField) view(t *memoryTerm, limit uint32) *memoryList {
	l := &memoryList{}
	c.list(l, t, limit)
	return l
}

func (c *memoryField) list(l *memoryList, t *memoryTerm, limit uint32) {
	docs := t.docs.Load() // before the chunks, which then have all of these
	if docs == 0 {
		*l = memoryList{} // the writer is about to add the first
		return
	}
	*l = memoryList{
		words: c.blocks.chunks.load(), bytes: c.positions.chunks.load(), columns: c.columns,
		block: t.first, room: 1, left: docs, total: docs, limit: limit,
	}
}

// sortedKeys gives the keys ascending that accept accepts.
func (c *memoryField) sortedKeys(accept func(key string) bool) []string {
	var keys []string
	count := c.terms.count.Load() // before the terms, which then have all of these
	terms := c.terms.terms.load()
	for id := range count {
		if key := c.terms.key(termOf(terms, id)); accept(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Entries iterates the keys; only Build calls it, of a frozen segment.
func (c *memoryField) Entries() segment.Entries {
	return &memoryEntries{field: c, ids: c.terms.sorted(), at: -1}
}

// memoryEntries has one list, which Next makes that of the next key.
type memoryEntries struct {
	field *memoryField
	ids   []uint32
	at    int
	key   []byte
	list  memoryList
	ahead uint32 // whatever readAhead reads: nobody looks at it
}

// aheadKeys is how many keys before its own turn a list's first block is read.
const aheadKeys = 4

func (e *memoryEntries) Next() bool {
	e.at++
	if e.at >= len(e.ids) {
		return false
	}
	e.readAhead()
	e.key = append(e.key[:0], e.field.terms.key(e.field.terms.term(e.ids[e.at]))...)
	return true
}

// readAhead reads what the next keys will need, so that it is in the cache by then: keys in order are all over the memory.
func (e *memoryEntries) readAhead() {
	terms, blocks := &e.field.terms, &e.field.blocks
	if at := e.at + 2*aheadKeys; at < len(e.ids) {
		e.ahead += terms.term(e.ids[at]).first
	}
	if at := e.at + aheadKeys; at < len(e.ids) {
		e.ahead += blocks.at(terms.term(e.ids[at]).first)[0]
	}
}

func (e *memoryEntries) Key() []byte { return e.key }
func (e *memoryEntries) Err() error  { return nil }
func (e *memoryEntries) Postings() segment.Postings {
	e.field.list(&e.list, e.field.terms.term(e.ids[e.at]), math.MaxUint32)
	return &e.list
}

// allLengths gives the token counts of the documents as of the last batch.
func (c *memoryField) allLengths() []uint32 { return c.seen.Load().lengths }
