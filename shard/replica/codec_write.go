package replica

import (
	"fmt"

	"sagasu/api"
)

// Flags of an encoded write.
const (
	writeConditional = 1 << 0
	writeVector      = 1 << 1
	writeFollows     = 1 << 2
	writeGeneration  = 1 << 3
)

// Flags of an encoded value: which slices follow.
const (
	valueStrings = 1 << 0
	valueInts    = 1 << 1
	valueFloats  = 1 << 2
	valueSparse  = 1 << 3
)

// appendWrite encodes one write. Values are written typed beside the source rather than parsed again
// by every replica: that is cheaper, and a replay never depends on the parser of the day.
func appendWrite(buf []byte, w *api.Write) []byte {
	e := encoder{buf: buf}
	e.byte(byte(w.Kind))
	flags := byte(0)
	if w.IfVersion != nil {
		flags |= writeConditional
	}
	if w.Doc.Vector != nil {
		flags |= writeVector
	}
	if w.Follows {
		flags |= writeFollows
	}
	if w.Doc.Vector != nil && w.Doc.Generation != 0 {
		flags |= writeGeneration
	}
	e.byte(flags)
	e.str(w.Doc.ID)
	if w.IfVersion != nil {
		e.uint(*w.IfVersion)
	}
	if w.Kind == api.OpTrim {
		e.uint(uint64(w.From))
	}
	e.bytes(w.Doc.Source)
	shared := &Sharing{}
	shared.Begin(w.Doc.Source)
	e.values(w.Doc.Values, shared)
	if w.Doc.Vector != nil {
		e.f32s(w.Doc.Vector)
	}
	if flags&writeGeneration != 0 {
		e.uint(uint64(w.Doc.Generation))
	}
	return e.buf
}

// values encodes typed values; strings that occur in the source as they are become references into it,
// since text would otherwise be in the log twice.
func (e *encoder) values(values []api.Value, shared *Sharing) {
	e.uint(uint64(len(values)))
	for i := range values {
		shared.Field()
		e.value(&values[i], shared)
	}
}

func (e *encoder) value(v *api.Value, shared *Sharing) {
	e.str(v.Field)
	flags := byte(0)
	for i, n := range []int{len(v.Strings), len(v.Ints), len(v.Floats), len(v.Sparse)} {
		if n > 0 {
			flags |= 1 << i
		}
	}
	e.byte(flags)
	if len(v.Strings) > 0 {
		e.uint(uint64(len(v.Strings)))
		for _, s := range v.Strings {
			e.sharedString(s, shared)
		}
	}
	if len(v.Ints) > 0 {
		e.uint(uint64(len(v.Ints)))
		for _, n := range v.Ints {
			e.int(n)
		}
	}
	if len(v.Floats) > 0 {
		e.uint(uint64(len(v.Floats)))
		for _, f := range v.Floats {
			e.f64(f)
		}
	}
	if len(v.Sparse) > 0 {
		e.uint(uint64(len(v.Sparse)))
		for _, s := range v.Sparse {
			e.uint(uint64(s.Dim))
			e.f32(s.Weight)
		}
	}
}

// sharedString writes length*2 and the bytes, or length*2+1 and the offset in the source.
func (e *encoder) sharedString(s string, shared *Sharing) {
	if at, ok := shared.Find(s); ok {
		e.uint(uint64(len(s))<<1 | 1)
		e.uint(uint64(at))
		return
	}
	e.uint(uint64(len(s)) << 1)
	e.buf = append(e.buf, s...)
}

// writeRequest is what one caller asked for, as a part of a log entry.
type writeRequest struct {
	id     RequestID // zero in entries of version 1
	writes []api.Write
}

// encodeWriteBatch gives the payload of an entry.
func encodeWriteBatch(requests ...*request) []byte {
	size := 10
	for _, r := range requests {
		size += len(r.encoded) + len(r.id) + 10
	}
	e := encoder{buf: make([]byte, 0, size)}
	e.uint(uint64(len(requests)))
	for _, r := range requests {
		e.buf = append(e.buf, r.id[:]...)
		e.uint(uint64(r.count))
		e.buf = append(e.buf, r.encoded...)
	}
	return e.buf
}

// decodeWriteBatch reads an entry of a version; one of version 1 is a single request without an id.
func decodeWriteBatch(payload []byte, version uint16) ([]writeRequest, error) {
	d := newDecoder(payload)
	requests := make([]writeRequest, 1)
	if version > 1 {
		// The least request is an id and a count.
		requests = make([]writeRequest, d.count(len(RequestID{})+1))
	}
	for i := range requests {
		if version > 1 {
			requests[i].id = d.requestID()
		}
		// The least write is kind, flags, and three lengths.
		requests[i].writes = make([]api.Write, d.count(5))
		for j := range requests[i].writes {
			d.write(&requests[i].writes[j], version)
		}
	}
	if err := d.end(); err != nil {
		return nil, fmt.Errorf("decode write batch: %w", err)
	}
	return requests, nil
}

func (d *decoder) write(w *api.Write, version uint16) {
	last, known := api.OpTrim, byte(writeConditional|writeVector|writeFollows|writeGeneration)
	if version < 3 {
		last, known = api.OpDelete, writeConditional|writeVector
	}
	w.Kind = api.OpKind(d.byte())
	if w.Kind < api.OpIndex || w.Kind > last {
		d.fail("kind of write")
	}
	flags := d.byte()
	if flags&^known != 0 || flags&(writeVector|writeGeneration) == writeGeneration {
		d.fail("flags of write")
	}
	w.Follows = flags&writeFollows != 0
	w.Doc.ID = d.str()
	if flags&writeConditional != 0 {
		version := d.uint()
		w.IfVersion = &version
	}
	if w.Kind == api.OpTrim {
		w.From = d.small()
	}
	w.Doc.Source = d.bytes()
	sourceStart := d.pos - len(w.Doc.Source)
	if len(w.Doc.Source) == 0 {
		w.Doc.Source = nil
	}
	w.Doc.Values = d.values(d.text[sourceStart:d.pos])
	if flags&writeVector != 0 {
		w.Doc.Vector = d.f32s()
	}
	if flags&writeGeneration != 0 {
		w.Doc.Generation = d.small()
	}
}

// values gives nil if there are none.
func (d *decoder) values(source string) []api.Value {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	values := make([]api.Value, n)
	for i := range values {
		d.value(&values[i], source)
	}
	return values
}

func (d *decoder) value(v *api.Value, source string) {
	v.Field = d.str()
	flags := d.byte()
	if flags&^(valueStrings|valueInts|valueFloats|valueSparse) != 0 {
		d.fail("flags of value")
	}
	if flags&valueStrings != 0 {
		v.Strings = make([]string, d.count(1))
		for i := range v.Strings {
			v.Strings[i] = d.sharedString(source)
		}
	}
	if flags&valueInts != 0 {
		v.Ints = make([]int64, d.count(1))
		for i := range v.Ints {
			v.Ints[i] = d.int()
		}
	}
	if flags&valueFloats != 0 {
		v.Floats = make([]float64, d.count(8))
		for i := range v.Floats {
			v.Floats[i] = d.f64()
		}
	}
	if flags&valueSparse != 0 {
		v.Sparse = make([]api.SparseEntry, d.count(5))
		for i := range v.Sparse {
			v.Sparse[i] = api.SparseEntry{Dim: uint32(d.uint()), Weight: d.f32()}
		}
	}
}

func (d *decoder) sharedString(source string) string {
	n := d.uint()
	shared := n&1 == 1
	n >>= 1
	if shared {
		at := d.uint()
		if d.err != nil || at > uint64(len(source)) || n > uint64(len(source))-at {
			d.fail("reference into the source")
			return ""
		}
		return source[at : at+n]
	}
	if d.err != nil || n > uint64(len(d.data)-d.pos) {
		d.fail("string")
		return ""
	}
	d.pos += int(n)
	return d.text[d.pos-int(n) : d.pos]
}
