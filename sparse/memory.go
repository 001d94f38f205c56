package sparse

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
	"sync/atomic"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/segment"
)

// memory is the mutable segment. One goroutine adds documents; readers see those below the limit that their generation
// holds, and take no lock: what a slice or a list holds below its length at a reader's look never changes nor moves, and
// lengths and headers are published by atomic stores after what they count.
type memory struct {
	docs    docTable
	columns []*memoryField
	bytes   int
}

// memoryField is one field of the mutable segment.
type memoryField struct {
	mem   *memory
	shape segment.Shape
	terms termTable
	// blocks hold the terms' postings, of columns columns; positions a term's in a document, as segments have them, unless
	// there is only one, which the postings have.
	blocks    arena[uint32]
	columns   int
	positions arena[byte]
	memoryColumns
	// seen are the columns as of the last batch.
	seen atomic.Pointer[memoryColumns]
	// Text: a document's terms by number.
	forward  []forwardRun
	forwards arena[uint32]

	// The document at hand: its terms, its tokens of each as a list, and their positions as bytes.
	local      []uint32
	head, tail []uint32
	freqs      []uint32
	next       []uint32
	hashes     []uint32
	places     []uint32
	peeked     uint32 // whatever peek gave: nobody reads it
	packed     []byte
}

// memoryColumns are what a field has beside postings. The slices grow with every document, so readers get the headers of
// the last batch.
type memoryColumns struct {
	lengths []uint32 // text: tokens by document
	values  []int64  // points
	docs    []uint32 // points: parallel to values; else the documents that hold the field
}

// forwardRun is where a document's terms are in the forwards.
type forwardRun struct{ at, n uint32 }

func newMemory(fields *fieldSet) *memory {
	m := &memory{docs: docTable{seed: maphash.MakeSeed()}}
	for _, f := range fields.list {
		columns := 1
		switch f.shape {
		case segment.ShapeText:
			columns = 3
		case segment.ShapeSparse:
			columns = 2
		case segment.ShapeKeyword, segment.ShapePoints:
		}
		c := &memoryField{mem: m, shape: f.shape, columns: columns, terms: termTable{seed: maphash.MakeSeed()}}
		c.seen.Store(&memoryColumns{})
		m.columns = append(m.columns, c)
	}
	return m
}

// add appends a document and gives its number.
func (m *memory) add(fields *fieldSet, a *analyzed, version uint64) uint32 {
	doc := m.docs.add(memoryDoc{
		id:      a.doc.ID,
		columns: segment.Columns{Version: version, Digest: digest(a.doc.ID, version, a.doc)},
		stored:  segment.Stored{Source: a.doc.Source, Vector: a.doc.Vector},
	})
	m.bytes += docBytes + len(a.doc.Source) + 4*len(a.doc.Vector)
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

// publish shows readers the columns as they are.
func (m *memory) publish() {
	for _, c := range m.columns {
		now := c.memoryColumns
		c.seen.Store(&now)
	}
}

// get gives the key's term and its number.
func (c *memoryField) get(key string) (*memoryTerm, uint32) {
	return c.getHashed(key, c.terms.hash(key))
}

func (c *memoryField) getHashed(key string, hash uint32) (*memoryTerm, uint32) {
	id, made := c.terms.getHashed(key, hash)
	if made {
		c.mem.bytes += len(key) + keyBytes
	}
	return c.terms.term(id), id
}

// post appends a document to the term's, which readers see when its docs are made what it has posted; freq and place go
// where the field has columns for them.
func (c *memoryField) post(t *memoryTerm, doc, freq, place uint32) {
	if t.at == t.room {
		room := max(1, nextRoom(t.room))
		at, _ := c.blocks.alloc(1 + c.columns*int(room))
		c.mem.bytes += 4 * (1 + c.columns*int(room))
		if t.posted == 0 {
			t.first = at
		} else {
			c.blocks.at(t.tail)[0] = at
		}
		t.tail, t.at, t.room = at, 0, room
	}
	block := c.blocks.at(t.tail)[1:]
	block[t.at] = doc
	if c.columns > 1 {
		block[t.room+t.at] = freq
	}
	if c.columns > 2 {
		block[2*t.room+t.at] = place
	}
	t.at++
	t.posted++
}

func (c *memoryField) addText(doc uint32, a *analyzed, ordinal int) {
	tokens := a.tokens[ordinal]
	c.lengths = append(c.lengths, uint32(len(tokens)))
	c.mem.bytes += textBytes
	c.gather(doc, tokens)
	run := forwardRun{n: uint32(len(c.local))}
	if len(tokens) > 0 {
		at, terms := c.forwards.alloc(len(c.local))
		copy(terms, c.local)
		run.at = at
		c.mem.bytes += 4 * len(c.local)
		c.docs = append(c.docs, doc)
	}
	c.forward = append(c.forward, run)
	for i, id := range c.local {
		token := c.head[i]
		place := uint32(tokens[token-1].Position)
		if c.freqs[i] > 1 {
			c.places = c.places[:0]
			for ; token > 0; token = c.next[token-1] {
				c.places = append(c.places, uint32(tokens[token-1].Position))
			}
			c.packed = segment.AppendPositions(c.packed[:0], c.places)
			at, dst := c.positions.alloc(len(c.packed))
			copy(dst, c.packed)
			c.mem.bytes += len(c.packed)
			place = at
		}
		c.post(c.terms.term(id), doc, c.freqs[i], place)
	}
	// An atomic store waits for those before it. By now they are done.
	for _, id := range c.local {
		t := c.terms.term(id)
		t.docs.Store(t.posted)
	}
}

// gather finds the document's distinct terms, and links the tokens of each: next and head are numbers of tokens plus
// one.
func (c *memoryField) gather(doc uint32, tokens []analysis.Token) {
	c.local, c.head, c.tail, c.freqs = c.local[:0], c.head[:0], c.tail[:0], c.freqs[:0]
	c.next = slices.Grow(c.next[:0], len(tokens))[:len(tokens)]
	c.hashes = slices.Grow(c.hashes[:0], len(tokens))[:len(tokens)]
	for i := range tokens {
		c.hashes[i] = c.terms.hash(tokens[i].Term)
	}
	for _, h := range c.hashes {
		c.peeked += c.terms.peek(h)
	}
	for i := range tokens {
		c.next[i] = 0
		t, id := c.getHashed(tokens[i].Term, c.hashes[i])
		if t.seen != doc+1 {
			t.seen, t.local = doc+1, uint32(len(c.local))
			c.local = append(c.local, id)
			c.head, c.tail, c.freqs = append(c.head, uint32(i+1)), append(c.tail, uint32(i)), append(c.freqs, 1)
			continue
		}
		c.next[c.tail[t.local]] = uint32(i + 1)
		c.tail[t.local] = uint32(i)
		c.freqs[t.local]++
	}
}

func (c *memoryField) addValue(doc uint32, v *api.Value) {
	switch c.shape {
	case segment.ShapeKeyword:
		for _, s := range v.Strings {
			if t, _ := c.get(s); t.seen != doc+1 {
				t.seen = doc + 1
				c.post(t, doc, 0, 0)
				t.docs.Store(t.posted)
			}
		}
		c.docs = append(c.docs, doc)
	case segment.ShapeSparse:
		for _, e := range v.Sparse {
			t, _ := c.get(string(dimKey(e.Dim)))
			c.post(t, doc, math.Float32bits(e.Weight), 0)
			t.docs.Store(t.posted)
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
	key := make([]byte, 4)
	putDimKey(key, dim)
	return key
}

// putDimKey writes it, four bytes.
func putDimKey(key []byte, dim uint32) { binary.BigEndian.PutUint32(key, dim) }
