package sparse

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/sparse/segment"
)

// memory is the mutable segment. One goroutine adds documents; readers see those below the limit that
// their generation holds. mu guards the maps and the headers of the slices; what a slice holds below
// its length at a reader's look never changes.
type memory struct {
	mu      sync.RWMutex
	ids     map[string]uint32 // the newest document of each id
	docs    []memoryDoc
	columns []*memoryField
	bytes   int
}

type memoryDoc struct {
	id string
	// previous is the document with the same id before this one, plus one; 0 for none.
	previous uint32
	columns  segment.Columns
	stored   segment.Stored
}

// memoryField is one field of the mutable segment.
type memoryField struct {
	mem     *memory
	shape   segment.Shape
	keys    map[string]*memoryPostings
	lengths []uint32            // text: tokens by document
	forward [][]*memoryPostings // text: a document's terms
	values  []int64             // points
	docs    []uint32            // points: parallel to values; else the documents that hold the field
}

// memoryPostings are the documents of one key.
type memoryPostings struct {
	docs      []uint32
	freqs     []uint32
	starts    []uint32 // text: where each document's positions begin
	positions []uint32
	// deleted counts the documents here that are deleted.
	deleted atomic.Uint32
	// ordinal is the key's rank, set when the segment is frozen and about to be written.
	ordinal uint32
}

// live is the number of documents that are not deleted, of docs.
func (p *memoryPostings) live(docs int) uint32 {
	return uint32(docs) - min(p.deleted.Load(), uint32(docs))
}

func newMemory(fields *fieldSet) *memory {
	m := &memory{ids: make(map[string]uint32)}
	for _, f := range fields.list {
		m.columns = append(m.columns, &memoryField{mem: m, shape: f.shape, keys: make(map[string]*memoryPostings)})
	}
	return m
}

// add appends a document and gives its number.
func (m *memory) add(fields *fieldSet, a *analyzed, version uint64) uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	doc := uint32(len(m.docs))
	m.docs = append(m.docs, memoryDoc{
		id:       a.doc.ID,
		previous: m.previous(a.doc.ID),
		columns:  segment.Columns{Version: version, Digest: digest(a.doc.ID, version, a.doc)},
		stored:   segment.Stored{Source: a.doc.Source, Vector: a.doc.Vector},
	})
	m.ids[a.doc.ID] = doc
	m.bytes += a.bytes + 200 + 4*len(a.doc.Vector)
	for _, f := range fields.list {
		col := m.columns[f.ordinal]
		if f.shape == segment.ShapeText {
			col.addText(doc, a, f.ordinal)
			continue
		}
		if v := a.doc.Value(f.name); v != nil {
			col.addValue(doc, v)
		}
	}
	return doc
}

func (m *memory) previous(id string) uint32 {
	if doc, ok := m.ids[id]; ok {
		return doc + 1
	}
	return 0
}

func (c *memoryField) get(key string) *memoryPostings {
	p := c.keys[key]
	if p == nil {
		p = &memoryPostings{}
		// Terms are pieces of their folded text, which must not be kept for them.
		c.keys[strings.Clone(key)] = p
		c.mem.bytes += len(key) + keyBytes
	}
	return p
}

func (c *memoryField) addText(doc uint32, a *analyzed, ordinal int) {
	tokens := a.tokens[ordinal]
	c.lengths = append(c.lengths, uint32(len(tokens)))
	var terms []*memoryPostings
	for i := range tokens {
		p := c.get(tokens[i].Term)
		if n := len(p.docs); n == 0 || p.docs[n-1] != doc {
			p.docs = append(p.docs, doc)
			p.freqs = append(p.freqs, 0)
			p.starts = append(p.starts, uint32(len(p.positions)))
			terms = append(terms, p)
		}
		p.freqs[len(p.freqs)-1]++
		p.positions = append(p.positions, uint32(tokens[i].Position))
	}
	c.forward = append(c.forward, terms)
	if len(tokens) > 0 {
		c.docs = append(c.docs, doc)
	}
}

func (c *memoryField) addValue(doc uint32, v *api.Value) {
	switch c.shape {
	case segment.ShapeKeyword:
		for _, s := range v.Strings {
			p := c.get(s)
			if n := len(p.docs); n == 0 || p.docs[n-1] != doc {
				p.docs = append(p.docs, doc)
			}
		}
		c.docs = append(c.docs, doc)
	case segment.ShapeSparse:
		for _, e := range v.Sparse {
			p := c.get(string(dimKey(e.Dim)))
			p.docs = append(p.docs, doc)
			p.freqs = append(p.freqs, math.Float32bits(e.Weight))
		}
		c.docs = append(c.docs, doc)
	case segment.ShapePoints:
		for _, x := range v.Ints {
			c.values, c.docs = append(c.values, x), append(c.docs, doc)
		}
		for _, x := range v.Floats {
			c.values, c.docs = append(c.values, sortableFloat(x)), append(c.docs, doc)
		}
	case segment.ShapeText:
	}
}

// dimKey is the key of a dimension in a sparse vector's dictionary.
func dimKey(dim uint32) []byte {
	return []byte{byte(dim >> 24), byte(dim >> 16), byte(dim >> 8), byte(dim)}
}
