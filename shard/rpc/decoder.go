package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// decoder reads what encoder wrote. The first error sticks, and everything after it reads as zero, so
// callers check err once per value they make. Strings share one copy of the body, made when the first is
// read; byte slices share the body itself.
type decoder struct {
	data []byte
	text string
	pos  int
	// depth is that of the query being read, used the number of parts read of it.
	depth, used int
	// version is that of the body.
	version byte
	err     error
}

// newDecoder begins a body: its version must be 1, or one that the method allows.
func newDecoder(body []byte) *decoder {
	d := &decoder{data: body}
	if len(body) > MaxBody {
		d.err = fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), MaxBody)
		return d
	}
	if d.version = d.byte(); d.err == nil && d.version != version {
		d.err = fmt.Errorf("%w: %d, this node speaks %d", ErrVersion, d.version, version)
	}
	return d
}

// allow takes bodies of one more version.
func (d *decoder) allow(more byte) {
	if d.version == more && errors.Is(d.err, ErrVersion) {
		d.err = nil
	}
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: bad %s at byte %d of %d", ErrMessage, what, d.pos, len(d.data))
	}
}

// end reports the first error, or data left over.
func (d *decoder) end() error {
	if d.err == nil && d.pos != len(d.data) {
		d.fail("end")
	}
	return d.err
}

func (d *decoder) byte() byte {
	if d.err != nil || d.pos >= len(d.data) {
		d.fail("byte")
		return 0
	}
	d.pos++
	return d.data[d.pos-1]
}

// flags reads a byte of which only the bits of known may be set.
func (d *decoder) flags(known byte) byte {
	f := d.byte()
	if f&^known != 0 {
		d.fail("flags")
		return 0
	}
	return f
}

func (d *decoder) bool() bool { return d.flags(1) == 1 }

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

// size reads a number that must fit an int and not be negative.
func (d *decoder) size() int {
	v := d.uint()
	if v > math.MaxInt {
		d.fail("number")
		return 0
	}
	return int(v)
}

// count reads a number of things that take at least size bytes each, so that nothing is allocated that
// is merely announced.
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

// atMost is count with a limit.
func (d *decoder) atMost(limit, size int) int {
	n := d.count(size)
	if n > limit {
		d.fail("count, over the limit,")
		return 0
	}
	return n
}

func (d *decoder) str() string {
	n := d.count(1)
	if n == 0 {
		return ""
	}
	d.share()
	d.pos += n
	return d.text[d.pos-n : d.pos]
}

// share makes the copy that strings are parts of.
func (d *decoder) share() {
	if d.text == "" {
		d.text = string(d.data)
	}
}

// name reads a string of at most maxNameBytes.
func (d *decoder) name() string {
	s := d.str()
	if len(s) > maxNameBytes {
		d.fail("name")
		return ""
	}
	return s
}

// bytes gives a part of the body, capped so that appending can't overwrite; nil if it is empty.
func (d *decoder) bytes() []byte {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	d.pos += n
	return d.data[d.pos-n : d.pos : d.pos]
}

// take copies as many bytes as into has.
func (d *decoder) take(into []byte) {
	if d.err != nil || len(d.data)-d.pos < len(into) {
		d.fail("bytes")
		return
	}
	d.pos += copy(into, d.data[d.pos:])
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

// f32s reads at most limit floats; none are an empty slice.
func (d *decoder) f32s(limit int) []float32 {
	v := make([]float32, d.atMost(limit, 4))
	for i := range v {
		v[i] = d.f32()
	}
	return v
}

// strs reads n strings, a number that was held against the body; nil for none.
func (d *decoder) strs(n int) []string {
	if n == 0 {
		return nil
	}
	v := make([]string, n)
	for i := range v {
		v[i] = d.str()
	}
	return v
}
