package replica

import (
	"encoding/binary"
	"fmt"
	"math"
)

// encoder appends values to a log entry. Integers are varints, strings and bytes have a length before
// them, floats are IEEE 754 little-endian.
type encoder struct{ buf []byte }

func (e *encoder) byte(b byte)    { e.buf = append(e.buf, b) }
func (e *encoder) uint(v uint64)  { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)    { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) str(s string)   { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }
func (e *encoder) bytes(b []byte) { e.uint(uint64(len(b))); e.buf = append(e.buf, b...) }
func (e *encoder) f64(f float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(f))
}

func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
		return
	}
	e.byte(0)
}

func (e *encoder) f32(f float32) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(f))
}

func (e *encoder) f32s(v []float32) {
	e.uint(uint64(len(v)))
	for _, f := range v {
		e.f32(f)
	}
}

// decoder reads what encoder wrote. The first error sticks, and everything after it reads as zero, so
// callers check err once per value they make. Strings share the one copy made of the entry.
type decoder struct {
	data []byte
	text string
	pos  int
	err  error
}

// newDecoder copies the entry: what is decoded outlives it.
func newDecoder(entry []byte) *decoder {
	text := string(entry)
	return &decoder{data: []byte(text), text: text}
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: bad %s at byte %d of %d", ErrCommand, what, d.pos, len(d.data))
	}
}

func (d *decoder) byte() byte {
	if d.err != nil || d.pos >= len(d.data) {
		d.fail("byte")
		return 0
	}
	d.pos++
	return d.data[d.pos-1]
}

func (d *decoder) bool() bool {
	b := d.byte()
	if b > 1 {
		d.fail("bool")
	}
	return b == 1
}

// take copies as many bytes as into has.
func (d *decoder) take(into []byte) {
	if d.err != nil || len(d.data)-d.pos < len(into) {
		d.fail("bytes")
		return
	}
	d.pos += copy(into, d.data[d.pos:])
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.data[d.pos:])
	if n <= 0 {
		d.fail("integer")
		return 0
	}
	d.pos += n
	return v
}

func (d *decoder) int() int64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Varint(d.data[d.pos:])
	if n <= 0 {
		d.fail("integer")
		return 0
	}
	d.pos += n
	return v
}

// count reads a number of things that take at least size bytes each, so that a damaged entry can't
// ask for more memory than it has bytes.
func (d *decoder) count(size int) int {
	n := d.uint()
	if d.err == nil && n > uint64((len(d.data)-d.pos)/size) {
		d.fail("count")
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

func (d *decoder) str() string {
	n := d.count(1)
	d.pos += n
	return d.text[d.pos-n : d.pos]
}

// bytes gives a slice that shares the decoder's copy, capped so that appending can't overwrite.
func (d *decoder) bytes() []byte {
	n := d.count(1)
	d.pos += n
	return d.data[d.pos-n : d.pos : d.pos]
}

func (d *decoder) f64() float64 {
	if d.err != nil || len(d.data)-d.pos < 8 {
		d.fail("float")
		return 0
	}
	d.pos += 8
	return math.Float64frombits(binary.LittleEndian.Uint64(d.data[d.pos-8:]))
}

func (d *decoder) f32() float32 {
	if d.err != nil || len(d.data)-d.pos < 4 {
		d.fail("float")
		return 0
	}
	d.pos += 4
	return math.Float32frombits(binary.LittleEndian.Uint32(d.data[d.pos-4:]))
}

// f32s gives nil for an empty vector.
func (d *decoder) f32s() []float32 {
	n := d.count(4)
	if n == 0 {
		return nil
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = d.f32()
	}
	return v
}

// end reports the first error, or data left over.
func (d *decoder) end() error {
	if d.err == nil && d.pos != len(d.data) {
		d.fail("end")
	}
	return d.err
}
