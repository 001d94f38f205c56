package sparse

import (
	"slices"

	"sagasu/sparse/segment"
)

// The methods of segment.Source, for a frozen memory segment and for readers of stored documents.

// NumDocs is the number of documents.
func (m *memory) NumDocs() uint32 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return uint32(len(m.docs))
}

func (m *memory) doc(doc uint32) memoryDoc {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.docs[doc]
}

// ID gives a document's id.
func (m *memory) ID(doc uint32) string { return m.doc(doc).id }

// Columns gives a document's version and digest.
func (m *memory) Columns(doc uint32) segment.Columns { return m.doc(doc).columns }

// Stored gives a document as it was written.
func (m *memory) Stored(doc uint32) (segment.Stored, error) { return m.doc(doc).stored, nil }

// Lookup finds the newest document with the id.
func (m *memory) Lookup(id string) (uint32, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	doc, ok := m.ids[id]
	return doc, ok
}

// lookupBefore finds the newest document with the id among the first docs documents.
func (m *memory) lookupBefore(id string, docs uint32) (uint32, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	doc, ok := m.ids[id]
	for ok && doc >= docs {
		ok = m.docs[doc].previous > 0
		doc = m.docs[doc].previous - 1
	}
	return doc, ok
}

// Field gives one field, for Build.
func (m *memory) Field(ordinal int) segment.FieldSource { return m.columns[ordinal] }

// Length is a document's number of tokens.
func (c *memoryField) Length(doc uint32) uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.lengths[doc]
}

// Points gives values and documents.
func (c *memoryField) Points() ([]int64, []uint32) {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.values, c.docs
}

// find gives the term of a key, nil if there is none.
func (c *memoryField) find(key string) *memoryTerm {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	if id, ok := c.terms.find(key); ok {
		return c.terms.term(id)
	}
	return nil
}

// docFreq gives the number of a key's documents, deleted ones not counted.
func (c *memoryField) docFreq(key string) uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	id, ok := c.terms.find(key)
	if !ok {
		return 0
	}
	t := c.terms.term(id)
	return t.live(t.docs)
}

// noteDeleted lowers the frequencies of a deleted document's terms; text only.
func (c *memoryField) noteDeleted(doc uint32) {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	run := c.forward[doc]
	if run.n == 0 {
		return
	}
	for _, id := range from(c.forwards.chunks, run.at)[:run.n] {
		c.terms.term(id).deleted.Add(1)
	}
}

// holders gives the documents that hold the field, ascending, possibly repeated.
func (c *memoryField) holders() []uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.docs
}

// view gives the postings as they are now.
func (c *memoryField) view(t *memoryTerm) *memoryList {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	l := &memoryList{}
	c.list(l, t)
	return l
}

func (c *memoryField) list(l *memoryList, t *memoryTerm) {
	*l = memoryList{
		words: c.blocks.chunks, bytes: c.positions.chunks, columns: c.columns,
		block: t.first, room: 1, left: t.docs, total: t.docs,
	}
}

// sortedKeys gives the keys ascending that accept accepts.
func (c *memoryField) sortedKeys(accept func(key string) bool) []string {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	var keys []string
	for id := range c.terms.count {
		if key := c.terms.key(c.terms.term(id)); accept(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Entries iterates the keys; only Build calls it, of a frozen segment.
func (c *memoryField) Entries() segment.Entries {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return &memoryEntries{field: c, ids: c.terms.sorted(), at: -1}
}

// memoryEntries has one list, which Next makes that of the next key.
type memoryEntries struct {
	field *memoryField
	ids   []uint32
	at    int
	key   []byte
	list  memoryList
}

func (e *memoryEntries) Next() bool {
	e.at++
	if e.at >= len(e.ids) {
		return false
	}
	e.key = append(e.key[:0], e.field.terms.key(e.field.terms.term(e.ids[e.at]))...)
	return true
}

func (e *memoryEntries) Key() []byte { return e.key }
func (e *memoryEntries) Err() error  { return nil }
func (e *memoryEntries) Postings() segment.Postings {
	e.field.list(&e.list, e.field.terms.term(e.ids[e.at]))
	return &e.list
}

// allLengths gives the token counts of the documents so far.
func (c *memoryField) allLengths() []uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.lengths
}
