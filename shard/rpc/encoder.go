package rpc

import (
	"encoding/binary"
	"fmt"
	"math"
)

// encoder appends values to a body. Integers are varints, strings and bytes have a length before them,
// floats are IEEE 754 little-endian. The first error sticks.
type encoder struct {
	buf []byte
	// used is the number of parts written of queries.
	used int
	err  error
}

// newEncoder starts a body with its version; size is a guess.
func newEncoder(size int) *encoder {
	return &encoder{buf: append(make([]byte, 0, size), version)}
}

// fail keeps the first error.
func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// end gives the body, or ErrTooLarge; start is where it begins in the buffer.
func (e *encoder) end(start int) ([]byte, error) {
	if e.err == nil && len(e.buf)-start > MaxBody {
		e.err = fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(e.buf)-start, MaxBody)
	}
	if e.err != nil {
		return nil, e.err
	}
	return e.buf, nil
}

// room refuses a list that the other side would refuse.
func (e *encoder) room(what string, n, limit int) {
	if n > limit {
		e.fail(fmt.Errorf("%w: %d %s, at most %d", ErrTooLarge, n, what, limit))
	}
}

func (e *encoder) byte(b byte)    { e.buf = append(e.buf, b) }
func (e *encoder) uint(v uint64)  { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)    { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) len(n int)      { e.uint(uint64(n)) }
func (e *encoder) str(s string)   { e.len(len(s)); e.buf = append(e.buf, s...) }
func (e *encoder) bytes(b []byte) { e.len(len(b)); e.buf = append(e.buf, b...) }

func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
		return
	}
	e.byte(0)
}

func (e *encoder) f64(f float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(f))
}

func (e *encoder) f32(f float32) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(f))
}

func (e *encoder) f32s(v []float32) {
	e.len(len(v))
	for _, f := range v {
		e.f32(f)
	}
}

func (e *encoder) strs(v []string) {
	e.len(len(v))
	for _, s := range v {
		e.str(s)
	}
}

// name writes a string that the other side takes at most maxNameBytes of.
func (e *encoder) name(s string) {
	e.room("bytes of a name", len(s), maxNameBytes)
	e.str(s)
}
