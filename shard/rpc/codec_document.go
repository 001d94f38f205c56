package rpc

import (
	"sagasu/api"
	"sagasu/sparse"
)

// Flags of a stored document.
const storedVector = 1 << 0

// fetchCall is the body of MethodFetch.
type fetchCall struct {
	Call
	ids []string
}

func (m *fetchCall) encode() ([]byte, error) {
	e := newEncoder(64 + 32*len(m.ids))
	e.call(m.Call)
	e.room("ids", len(m.ids), MaxIDs)
	e.strs(m.ids)
	return e.end(0)
}

func (m *fetchCall) decode(d *decoder) error {
	m.Call = d.call()
	m.ids = d.strs(d.atMost(MaxIDs, 1))
	return d.end()
}

// fetchAnswer is the answer to it. It is written piece by piece: the mark is known with the last piece, so
// it stands behind the documents, after a zero that ends them.
type fetchAnswer struct {
	docs []sparse.Stored
	// done is the number of ids that the answer is about, the first ones; at least one if there are any.
	done int
	mark Mark
}

func (m *fetchAnswer) encode(e *encoder) {
	e.stored(m.docs)
	e.storedEnd(m.done, m.mark)
}

func (e *encoder) stored(docs []sparse.Stored) {
	for i := range docs {
		doc := &docs[i]
		e.byte(1)
		flags := byte(0)
		if doc.Vector != nil {
			flags |= storedVector
		}
		e.byte(flags)
		e.str(doc.ID)
		e.uint(doc.Version)
		e.bytes(doc.Source)
		if doc.Vector != nil {
			e.f32s(doc.Vector)
		}
	}
}

func (e *encoder) storedEnd(done int, mark Mark) {
	e.byte(0)
	e.len(done)
	e.mark(mark)
}

func (m *fetchAnswer) decode(d *decoder) error {
	for d.bool() {
		flags := d.flags(storedVector)
		// Sharing a copy of the body would be a copy of all sources.
		doc := sparse.Stored{ID: string(d.bytes()), Version: d.uint(), Source: d.bytes()}
		if flags&storedVector != 0 {
			doc.Vector = d.vector()
		}
		m.docs = append(m.docs, doc)
	}
	m.done, m.mark = d.size(), d.mark()
	return d.end()
}

// countCall is the body of MethodCount.
type countCall struct {
	Call
	query api.Query
}

func (m *countCall) encode() ([]byte, error) {
	e := newEncoder(256)
	e.call(m.Call)
	e.query(m.query)
	return e.end(0)
}

func (m *countCall) decode(d *decoder) error {
	m.Call = d.call()
	m.query = d.query()
	return d.end()
}

// countAnswer is the answer to it.
type countAnswer struct {
	mark  Mark
	count int
}

func (m *countAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.len(m.count)
}

func (m *countAnswer) decode(d *decoder) error {
	m.mark, m.count = d.mark(), d.size()
	return d.end()
}
