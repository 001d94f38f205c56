package replica

import (
	"fmt"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// vectorBatch is the progress of the dense worker.
type vectorBatch struct {
	// Checkpoint is the document version up to which the worker is done.
	Checkpoint uint64
	// Vectors are those for the flat index; empty if the dense index is remote.
	Vectors []dense.Vector
	// Embedded are documents that had failed and are embedded now, Deleted those removed from the remote
	// index.
	Embedded, Deleted []sparse.Key
}

func encodeVectorBatch(b *vectorBatch) []byte {
	e := encoder{}
	e.uint(b.Checkpoint)
	e.uint(uint64(len(b.Vectors)))
	for i := range b.Vectors {
		v := &b.Vectors[i]
		e.str(v.ID)
		e.uint(v.Version)
		e.f32s(v.Values)
		e.values(v.Attributes, &Sharing{})
	}
	e.keys(b.Embedded)
	e.keys(b.Deleted)
	return e.buf
}

func decodeVectorBatch(payload []byte) (*vectorBatch, error) {
	d := newDecoder(payload)
	b := &vectorBatch{Checkpoint: d.uint()}
	// The least vector is a length, a version, and two counts.
	b.Vectors = make([]dense.Vector, d.count(4))
	for i := range b.Vectors {
		b.Vectors[i] = dense.Vector{ID: d.str(), Version: d.uint(), Values: d.f32s(), Attributes: d.values("")}
	}
	b.Embedded, b.Deleted = d.keys(), d.keys()
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode vector batch: %w", err)
	}
	return b, nil
}

func (e *encoder) keys(keys []sparse.Key) {
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.str(k.ID)
		e.uint(k.Version)
	}
}

// keys gives nil if there are none.
func (d *decoder) keys() []sparse.Key {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	keys := make([]sparse.Key, n)
	for i := range keys {
		keys[i] = sparse.Key{ID: d.str(), Version: d.uint()}
	}
	return keys
}

// Failure is a document that could not be embedded.
type Failure struct {
	ID string
	// Version is that of the text that failed.
	Version uint64
	// Reason is what the embedding service said, in at most 256 bytes.
	Reason string
}

func encodeFailures(failures []Failure) []byte {
	e := encoder{}
	e.failures(failures)
	return e.buf
}

func (e *encoder) failures(failures []Failure) {
	e.uint(uint64(len(failures)))
	for _, f := range failures {
		e.str(f.ID)
		e.uint(f.Version)
		e.str(f.Reason)
	}
}

func decodeFailures(payload []byte) ([]Failure, error) {
	d := newDecoder(payload)
	failures := d.failures()
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode failures: %w", err)
	}
	return failures, nil
}

func (d *decoder) failures() []Failure {
	failures := make([]Failure, d.count(3))
	for i := range failures {
		failures[i] = Failure{ID: d.str(), Version: d.uint(), Reason: d.str()}
	}
	return failures
}

// attributes gives the values that dense filters can ask for.
func attributes(schema *api.Schema, doc *api.Document) []api.Value {
	var out []api.Value
	for _, v := range doc.Values {
		if dense.Filterable(schema.Fields[v.Field].Type) {
			out = append(out, v)
		}
	}
	return out
}
