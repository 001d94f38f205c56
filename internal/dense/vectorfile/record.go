package vectorfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"sagasu/api"
	"sagasu/internal/dense"
)

// The kinds of record and of attribute; see docs/formats/vectors.md.
const (
	recordVector byte = 1
	recordDelete byte = 2

	kindStrings byte = 1
	kindInts    byte = 2
	kindFloats  byte = 3
)

// Record is what a file says of an id: its vector, or that it has none.
type Record struct {
	// Vector has values of length 1; that of a delete has nothing but the id.
	Vector dense.Vector
	// Deleted tells that the id has no vector.
	Deleted bool
	// Offset is where the record is in its file, in bytes.
	Offset uint64
}

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func appendUint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

func appendString(dst []byte, s string) []byte {
	return append(appendUint(dst, uint64(len(s))), s...)
}

// AppendDelete appends the payload of a record that says that the id has no vector.
func AppendDelete(dst []byte, id string) []byte {
	return appendString(append(dst, recordDelete), id)
}

// AppendVector appends the payload of a vector, whose values have length 1.
func AppendVector(dst []byte, v *dense.Vector) []byte {
	dst = appendString(append(dst, recordVector), v.ID)
	dst = binary.LittleEndian.AppendUint64(dst, v.Version)
	dst = binary.LittleEndian.AppendUint16(dst, v.Slot)
	dst = append(dst, v.Digest[:]...)
	for _, x := range v.Values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	dst = appendUint(dst, uint64(len(v.Attributes)))
	for i := range v.Attributes {
		dst = appendAttribute(dst, &v.Attributes[i])
	}
	return dst
}

func appendAttribute(dst []byte, a *api.Value) []byte {
	dst = appendString(dst, a.Field)
	switch {
	case len(a.Strings) > 0:
		dst = appendUint(append(dst, kindStrings), uint64(len(a.Strings)))
		for _, s := range a.Strings {
			dst = appendString(dst, s)
		}
	case len(a.Floats) > 0:
		dst = appendUint(append(dst, kindFloats), uint64(len(a.Floats)))
		for _, f := range a.Floats {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		}
	default:
		dst = appendUint(append(dst, kindInts), uint64(len(a.Ints)))
		for _, n := range a.Ints {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
		}
	}
	return dst
}

// decoder reads a payload; after the first fault everything is zero and err is set.
type decoder struct {
	left []byte
	err  error
}

func (d *decoder) take(n uint64) []byte {
	if d.err != nil || n > uint64(len(d.left)) {
		d.err = errShort
		return nil
	}
	out := d.left[:n]
	d.left = d.left[n:]
	return out
}

func (d *decoder) uint() uint64 {
	n, width := binary.Uvarint(d.left)
	if d.err != nil || width <= 0 {
		d.err = errShort
		return 0
	}
	d.left = d.left[width:]
	return n
}

// count reads the number of things that take at least width bytes each.
func (d *decoder) count(width uint64) int {
	n := d.uint()
	if n > uint64(len(d.left))/width {
		d.err = errShort
		return 0
	}
	return int(n)
}

func (d *decoder) byte() byte {
	b := d.take(1)
	if d.err != nil {
		return 0
	}
	return b[0]
}

func (d *decoder) fixed() uint64 {
	b := d.take(8)
	if d.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (d *decoder) fixed16() uint16 {
	b := d.take(2)
	if d.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint16(b)
}

func (d *decoder) string() string { return string(d.take(d.uint())) }

// decodeRecord reads a payload of a format version. The values are put into the given slice, or a new one
// if it is nil.
func decodeRecord(payload []byte, version uint32, dims int, values []float32) (r Record, err error) {
	d := &decoder{left: payload}
	kind := d.byte()
	r.Vector.ID = d.string()
	switch {
	case d.err != nil:
	case kind == recordVector:
		d.vector(&r.Vector, version, dims, values)
	case kind == recordDelete:
		r.Deleted = true
	default:
		return r, fmt.Errorf("unknown kind %d", kind)
	}
	if d.err == nil && len(d.left) > 0 {
		d.err = errShort
	}
	return r, d.err
}

func (d *decoder) vector(v *dense.Vector, version uint32, dims int, values []float32) {
	v.Version = d.fixed()
	if version == 1 {
		// It knows nothing of passages, so the slot is that of the id.
		v.Slot = uint16(api.SlotOf(v.ID))
	} else {
		v.Slot = d.fixed16()
		copy(v.Digest[:], d.take(uint64(len(v.Digest))))
	}
	raw := d.take(4 * uint64(dims))
	if d.err != nil {
		return
	}
	if v.Values = values; values == nil {
		v.Values = make([]float32, dims)
	}
	var sum float64
	for i := range v.Values {
		x := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		v.Values[i] = x
		sum += float64(x) * float64(x)
	}
	// The error bound of a search assumes it; rounding alone stays far below.
	if !(math.Abs(sum-1) < slack) {
		d.err = fmt.Errorf("vector has the length %g, not 1", math.Sqrt(sum))
		return
	}
	// The least attribute is a name's length, a type and a count.
	for range d.count(3) {
		v.Attributes = append(v.Attributes, d.attribute())
	}
	if d.err == nil {
		d.err = checkOrder(v.Attributes)
	}
}

func (d *decoder) attribute() api.Value {
	a := api.Value{Field: d.string()}
	switch kind := d.byte(); {
	case d.err != nil:
	case kind == kindStrings:
		for range d.count(1) {
			a.Strings = append(a.Strings, d.string())
		}
	case kind == kindInts:
		for range d.count(8) {
			a.Ints = append(a.Ints, int64(d.fixed()))
		}
	case kind == kindFloats:
		for range d.count(8) {
			a.Floats = append(a.Floats, math.Float64frombits(d.fixed()))
		}
	default:
		d.err = fmt.Errorf("unknown attribute type %d", kind)
	}
	return a
}
