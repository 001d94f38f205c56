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

// find gives the postings of a key, nil if there are none.
func (c *memoryField) find(key string) *memoryPostings {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.keys[key]
}

// docFreq gives the number of a key's documents, deleted ones not counted.
func (c *memoryField) docFreq(key string) uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	p := c.keys[key]
	if p == nil {
		return 0
	}
	return p.live(len(p.docs))
}

// holders gives the documents that hold the field, ascending, possibly repeated.
func (c *memoryField) holders() []uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.docs
}

// view gives the postings as they are now.
func (c *memoryField) view(p *memoryPostings) *slicePostings {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return &slicePostings{docs: p.docs, freqs: p.freqs, starts: p.starts, positions: p.positions}
}

// sortedKeys gives the keys ascending that fn accepts.
func (c *memoryField) sortedKeys(accept func(key string) bool) []string {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	keys := make([]string, 0, len(c.keys))
	for k := range c.keys {
		if accept == nil || accept(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Entries iterates the keys and numbers them, for Forward; only Build calls it, of a frozen segment.
func (c *memoryField) Entries() segment.Entries {
	keys := c.sortedKeys(nil)
	for i, k := range keys {
		c.keys[k].ordinal = uint32(i)
	}
	return &memoryEntries{field: c, keys: keys, at: -1}
}

// Forward appends the ordinals of a document's terms.
func (c *memoryField) Forward(dst []uint32, doc uint32) []uint32 {
	from := len(dst)
	for _, p := range c.forward[doc] {
		dst = append(dst, p.ordinal)
	}
	slices.Sort(dst[from:])
	return dst
}

type memoryEntries struct {
	field *memoryField
	keys  []string
	at    int
}

func (e *memoryEntries) Next() bool  { e.at++; return e.at < len(e.keys) }
func (e *memoryEntries) Key() []byte { return []byte(e.keys[e.at]) }
func (e *memoryEntries) Err() error  { return nil }
func (e *memoryEntries) Postings() segment.Postings {
	return e.field.view(e.field.keys[e.keys[e.at]])
}

// slicePostings are postings in memory, as one block.
type slicePostings struct {
	docs, freqs, starts, positions []uint32
	read                           bool
}

func (p *slicePostings) NextBlock() bool {
	if p.read || len(p.docs) == 0 {
		p.docs, p.freqs = nil, nil
		return false
	}
	p.read = true
	return true
}

func (p *slicePostings) SeekBlock(doc uint32) bool {
	if n := len(p.docs); n == 0 || p.docs[n-1] < doc {
		p.docs, p.freqs, p.read = nil, nil, true
		return false
	}
	p.read = true
	return true
}

func (p *slicePostings) Docs() []uint32  { return p.docs }
func (p *slicePostings) Freqs() []uint32 { return p.freqs }
func (p *slicePostings) Err() error      { return nil }

func (p *slicePostings) Positions(dst []uint32, i int) []uint32 {
	return append(dst, p.positions[p.starts[i]:p.starts[i]+p.freqs[i]]...)
}

// allLengths gives the token counts of the documents so far.
func (c *memoryField) allLengths() []uint32 {
	c.mem.mu.RLock()
	defer c.mem.mu.RUnlock()
	return c.lengths
}
