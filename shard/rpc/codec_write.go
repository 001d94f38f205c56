package rpc

import (
	"fmt"

	"sagasu/api"
	"sagasu/shard/replica"
)

// Flags of a write.
const (
	writeConditional = 1 << 0
	writeVector      = 1 << 1
	writeFollows     = 1 << 2
	writeGeneration  = 1 << 3
)

// Flags of a value: which slices follow.
const (
	valueStrings = 1 << 0
	valueInts    = 1 << 1
	valueFloats  = 1 << 2
	valueSparse  = 1 << 3
)

// WriteRequest is what a caller wants written.
type WriteRequest struct {
	// ID names the request for as long as its caller may repeat it; see replica.RequestID.
	ID [16]byte
	// Term is that in which the caller knows the leader, 0 for any; a leader of another term answers
	// *NotLeaderError.
	Term uint64
	// Writes are applied in order, at most MaxWrites.
	Writes []api.Write
}

// WriteAnswer says what became of them.
type WriteAnswer struct {
	// Results has one for each write.
	Results []api.WriteResult
	// Applied is the log index that makes all of them visible: the Call.MinIndex of who wants to see them.
	Applied uint64
}

// writeCall is the body of MethodWrite.
type writeCall struct {
	Call
	request WriteRequest
}

func (m *writeCall) encode() ([]byte, error) {
	size := 128
	for i := range m.request.Writes {
		size += 64 + 2*len(m.request.Writes[i].Doc.Source) + 4*len(m.request.Writes[i].Doc.Vector)
	}
	e := newEncoder(min(size, MaxBody))
	e.call(m.Call)
	e.buf = append(e.buf, m.request.ID[:]...)
	e.uint(m.request.Term)
	e.room("writes", len(m.request.Writes), MaxWrites)
	e.len(len(m.request.Writes))
	var shared replica.Sharing
	for i := range m.request.Writes {
		if e.write(&m.request.Writes[i], &shared); len(e.buf) > MaxBody {
			break
		}
	}
	return e.end(0)
}

func (m *writeCall) decode(d *decoder) error {
	m.Call = d.call()
	d.take(m.request.ID[:])
	m.request.Term = d.uint()
	// The least write is kind, flags, and three lengths.
	m.request.Writes = make([]api.Write, d.atMost(MaxWrites, 5))
	for i := range m.request.Writes {
		d.write(&m.request.Writes[i])
	}
	return d.end()
}

func (e *encoder) write(w *api.Write, shared *replica.Sharing) {
	if w.Kind < api.OpIndex || w.Kind > api.OpTrim {
		e.fail(fmt.Errorf("%w: kind of write %d", ErrMessage, w.Kind))
	}
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
		e.len(w.From)
	}
	e.bytes(w.Doc.Source)
	e.len(len(w.Doc.Values))
	shared.Begin(w.Doc.Source)
	for i := range w.Doc.Values {
		e.value(&w.Doc.Values[i], shared)
	}
	if w.Doc.Vector != nil {
		e.vector(w.Doc.Vector)
	}
	if flags&writeGeneration != 0 {
		e.len(w.Doc.Generation)
	}
}

func (e *encoder) value(v *api.Value, shared *replica.Sharing) {
	e.str(v.Field)
	flags := byte(0)
	for i, n := range [...]int{len(v.Strings), len(v.Ints), len(v.Floats), len(v.Sparse)} {
		if n > 0 {
			flags |= 1 << i
		}
	}
	e.byte(flags)
	if flags&valueStrings != 0 {
		e.len(len(v.Strings))
		shared.Field()
		for _, s := range v.Strings {
			e.sharedString(s, shared)
		}
	}
	if flags&valueInts != 0 {
		e.len(len(v.Ints))
		for _, n := range v.Ints {
			e.int(n)
		}
	}
	if flags&valueFloats != 0 {
		e.len(len(v.Floats))
		for _, f := range v.Floats {
			e.f64(f)
		}
	}
	if flags&valueSparse != 0 {
		e.len(len(v.Sparse))
		e.sparse(v.Sparse)
	}
}

// sharedString writes length*2 and the bytes, or length*2+1 and the offset in the source.
func (e *encoder) sharedString(s string, shared *replica.Sharing) {
	if at, ok := shared.Find(s); ok {
		e.uint(uint64(len(s))<<1 | 1)
		e.len(at)
		return
	}
	e.uint(uint64(len(s)) << 1)
	e.buf = append(e.buf, s...)
}

func (d *decoder) write(w *api.Write) {
	w.Kind = api.OpKind(d.byte())
	if w.Kind < api.OpIndex || w.Kind > api.OpTrim {
		d.fail("kind of write")
	}
	flags := d.flags(writeConditional | writeVector | writeFollows | writeGeneration)
	if flags&(writeVector|writeGeneration) == writeGeneration {
		d.fail("generation of no vector")
	}
	w.Follows = flags&writeFollows != 0
	w.Doc.ID = d.str()
	if flags&writeConditional != 0 {
		v := d.uint()
		w.IfVersion = &v
	}
	if w.Kind == api.OpTrim {
		w.From = d.size()
	}
	w.Doc.Source = d.bytes()
	end := d.pos
	// The least value is the length of a name and flags.
	if n := d.count(2); n > 0 {
		w.Doc.Values = make([]api.Value, n)
		for i := range w.Doc.Values {
			d.value(&w.Doc.Values[i], end-len(w.Doc.Source), end)
		}
	}
	if flags&writeVector != 0 {
		w.Doc.Vector = d.vector()
	}
	if flags&writeGeneration != 0 {
		w.Doc.Generation = d.generation()
	}
}

// value reads a value of a document whose source lies between two offsets of the body.
func (d *decoder) value(v *api.Value, from, to int) {
	v.Field = d.str()
	flags := d.flags(valueStrings | valueInts | valueFloats | valueSparse)
	if flags&valueStrings != 0 {
		v.Strings = make([]string, d.count(1))
		for i := range v.Strings {
			v.Strings[i] = d.sharedString(from, to)
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
		v.Sparse = d.sparse(d.count(5))
	}
}

func (d *decoder) sharedString(from, to int) string {
	n := d.uint()
	shared := n&1 == 1
	n >>= 1
	if shared {
		at := d.uint()
		if size := uint64(to - from); d.err != nil || at > size || n > size-at {
			d.fail("reference into the source")
			return ""
		}
		d.share()
		return d.text[from+int(at) : from+int(at+n)]
	}
	if d.err != nil || n > uint64(len(d.data)-d.pos) {
		d.fail("string")
		return ""
	}
	if n == 0 {
		return ""
	}
	d.share()
	d.pos += int(n)
	return d.text[d.pos-int(n) : d.pos]
}
