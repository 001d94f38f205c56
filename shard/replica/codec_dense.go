package replica

import (
	"fmt"
	"math"

	"sagasu/api"
	"sagasu/internal/dense"
)

// vectorBatch is the progress of a generation's worker.
type vectorBatch struct {
	Generation int
	// Epoch is the one of the generation in which the worker began: its checkpoint does not count in another.
	Epoch uint64
	// Checkpoint is the document version up to which the worker is done.
	Checkpoint uint64
	// Vectors are new ones.
	Vectors []dense.Vector
	// Kept are documents whose text did not change with their present version, without values: they keep those of
	// their older vector.
	Kept []dense.Vector
	// Gone are documents whose present version has nothing to embed.
	Gone []dense.Key
	// Failed are documents that can't be embedded, Cut those of which only the beginning was.
	Failed []Failure
	Cut    []dense.Key
	// Settled was looked at again.
	Settled []againKey
}

func encodeVectorBatch(b *vectorBatch) []byte {
	e := encoder{}
	e.uint(uint64(b.Generation))
	e.uint(b.Epoch)
	e.uint(b.Checkpoint)
	e.uint(uint64(len(b.Vectors)))
	for i := range b.Vectors {
		e.vector(&b.Vectors[i])
		e.f32s(b.Vectors[i].Values)
	}
	e.uint(uint64(len(b.Kept)))
	for i := range b.Kept {
		e.vector(&b.Kept[i])
	}
	e.keys(b.Gone)
	e.failures(b.Failed)
	e.keys(b.Cut)
	e.againKeys(b.Settled)
	return e.buf
}

// vector writes all of a vector but its values.
func (e *encoder) vector(v *dense.Vector) {
	e.str(v.ID)
	e.uint(v.Version)
	e.uint(uint64(v.Slot))
	e.buf = append(e.buf, v.Digest[:]...)
	e.values(v.Attributes, &Sharing{})
}

func (d *decoder) vector() dense.Vector {
	v := dense.Vector{ID: d.str(), Version: d.uint(), Slot: d.slot()}
	d.take(v.Digest[:])
	v.Attributes = d.values("")
	return v
}

// decodeVectorBatch reads an entry of version 1 or 2.
func decodeVectorBatch(payload []byte, version uint16) (*vectorBatch, error) {
	d := newDecoder(payload)
	var b *vectorBatch
	if version == 1 {
		b = d.firstVectorBatch()
	} else {
		b = d.vectorBatch()
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode vector batch: %w", err)
	}
	return b, nil
}

func (d *decoder) vectorBatch() *vectorBatch {
	b := &vectorBatch{Generation: d.small(), Epoch: d.uint(), Checkpoint: d.uint()}
	// The least vector is a length, a version, a slot, a digest, and a count.
	const least = 4 + len(dense.Vector{}.Digest)
	if n := d.count(least + 1); n > 0 {
		b.Vectors = make([]dense.Vector, n)
	}
	for i := range b.Vectors {
		b.Vectors[i] = d.vector()
		b.Vectors[i].Values = d.f32s()
	}
	if n := d.count(least); n > 0 {
		b.Kept = make([]dense.Vector, n)
	}
	for i := range b.Kept {
		b.Kept[i] = d.vector()
	}
	b.Gone, b.Failed, b.Cut = d.keys(), d.failures(), d.keys()
	b.Settled = d.againKeys()
	return b
}

// firstVectorBatch reads what version 1 told: checkpoint, vectors without slot and digest, and two lists of keys
// that follow from the rest, or belong to a server of then.
func (d *decoder) firstVectorBatch() *vectorBatch {
	b := &vectorBatch{Checkpoint: d.uint()}
	// The least vector is a length, a version, and two counts.
	b.Vectors = make([]dense.Vector, d.count(4))
	for i := range b.Vectors {
		b.Vectors[i] = dense.Vector{ID: d.str(), Version: d.uint(), Values: d.f32s(), Attributes: d.values("")}
	}
	d.keys()
	d.keys()
	return b
}

func (e *encoder) keys(keys []dense.Key) {
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.str(k.ID)
		e.uint(k.Version)
	}
}

// keys gives nil if there are none.
func (d *decoder) keys() []dense.Key {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	keys := make([]dense.Key, n)
	for i := range keys {
		keys[i] = dense.Key{ID: d.str(), Version: d.uint()}
	}
	return keys
}

func (e *encoder) againKeys(keys []againKey) {
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.str(k.id)
		e.uint(k.entry)
	}
}

func (d *decoder) againKeys() []againKey {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	keys := make([]againKey, n)
	for i := range keys {
		keys[i] = againKey{d.str(), d.uint()}
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

func (e *encoder) failures(failures []Failure) {
	e.uint(uint64(len(failures)))
	for _, f := range failures {
		e.str(f.ID)
		e.uint(f.Version)
		e.str(f.Reason)
	}
}

// decodeFailures reads an entry of an earlier version; failures are now a part of the batch.
func decodeFailures(payload []byte) ([]Failure, error) {
	d := newDecoder(payload)
	failures := d.failures()
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode failures: %w", err)
	}
	return failures, nil
}

func (d *decoder) failures() []Failure {
	n := d.count(3)
	if n == 0 {
		return nil
	}
	failures := make([]Failure, n)
	for i := range failures {
		failures[i] = Failure{ID: d.str(), Version: d.uint(), Reason: d.str()}
	}
	return failures
}

// small reads a number that fits an int on every machine.
func (d *decoder) small() int {
	n := d.uint()
	if n > math.MaxInt32 {
		d.fail("number")
		return 0
	}
	return int(n)
}

func (d *decoder) slot() uint16 {
	n := d.uint()
	if n >= api.Slots {
		d.fail("slot")
		return 0
	}
	return uint16(n)
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
