package consensus

import (
	"encoding/binary"
	"fmt"
)

// encoder appends to a message.
type encoder struct{ buf []byte }

func (e *encoder) byte(b byte)    { e.buf = append(e.buf, b) }
func (e *encoder) uint(v uint64)  { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)    { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) str(s string)   { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }
func (e *encoder) bytes(b []byte) { e.uint(uint64(len(b))); e.buf = append(e.buf, b...) }

func (e *encoder) bool(b bool) {
	if b {
		e.byte(1)
		return
	}
	e.byte(0)
}

// decoder reads a message. The first error sticks, and everything after it reads as zero.
type decoder struct {
	data []byte
	pos  int
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("decode %s at byte %d of %d: %w", what, d.pos, len(d.data), ErrMessage)
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
		d.fail("flag")
	}
	return b == 1
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

// count reads a number of things that take at least size bytes each.
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

// bytes shares the message, nil for none; appending to it can't overwrite.
func (d *decoder) bytes() []byte {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	d.pos += n
	return d.data[d.pos-n : d.pos : d.pos]
}

func (d *decoder) str() string { return string(d.bytes()) }

// end reports the first error, or data left over.
func (d *decoder) end() error {
	if d.err == nil && d.pos != len(d.data) {
		d.fail("end")
	}
	return d.err
}
