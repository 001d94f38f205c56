package query

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"sync"
)

// errCodec is returned for bytes that are no value of the type.
var errCodec = errors.New("not a value of this type")

// codec writes values as bytes by their types, and reads them again. It goes by reflection, so that a member that a
// request or an answer gets one day is part of keys and of what is kept without anybody thinking of it. Equal values,
// and only those, give equal bytes; nil and empty slices are not equal.
type codec struct {
	// skip has the members that are left out, as "Type.Member".
	skip map[string]bool
	// shapes and members have what was found out about types: reflect.Type to uint64, and to []int.
	shapes, members sync.Map
}

// append adds a value. Maps, functions and channels have no place in requests; they panic, which a test finds.
func (c *codec) append(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(dst, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(dst, v.Uint())
	case reflect.Float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float())))
	case reflect.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float()))
	case reflect.String:
		return append(binary.AppendUvarint(dst, uint64(v.Len())), v.String()...) //nolint:gosec // not negative
	case reflect.Slice:
		return c.appendSlice(dst, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, 0)
		}
		return c.append(append(dst, 1), v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return append(dst, 0)
		}
		dst = binary.LittleEndian.AppendUint64(append(dst, 1), c.shape(v.Elem().Type()))
		return c.append(dst, v.Elem())
	case reflect.Struct:
		for _, i := range c.fields(v.Type()) {
			dst = c.append(dst, v.Field(i))
		}
		return dst
	default:
		panic(fmt.Sprintf("no encoding of %s", v.Type()))
	}
}

func (c *codec) appendSlice(dst []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(v.Len())+1) //nolint:gosec // not negative
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		return append(dst, v.Bytes()...)
	case reflect.Float32:
		// Embeddings are long.
		if list, ok := v.Interface().([]float32); ok {
			for _, x := range list {
				dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
			}
			return dst
		}
	}
	for i := range v.Len() {
		dst = c.append(dst, v.Index(i))
	}
	return dst
}

// fields gives the positions of the members that are not left out.
func (c *codec) fields(t reflect.Type) []int {
	if known, ok := c.members.Load(t); ok {
		return known.([]int) //nolint:forcetypeassert // nothing else is stored
	}
	var fields []int
	for i := range t.NumField() {
		if !c.skip[t.Name()+"."+t.Field(i).Name] {
			fields = append(fields, i)
		}
	}
	c.members.Store(t, fields)
	return fields
}

// shape tells types apart by their names and those of their members: nodes of different versions must not take each
// other's bytes for something else. What an interface may hold is not part of it.
func (c *codec) shape(t reflect.Type) uint64 {
	if known, ok := c.shapes.Load(t); ok {
		return known.(uint64) //nolint:forcetypeassert // nothing else is stored
	}
	h := fnv.New64a()
	// Writing to a hash gives no errors.
	_, _ = fmt.Fprint(h, describeType(t, map[reflect.Type]bool{}))
	c.shapes.Store(t, h.Sum64())
	return h.Sum64()
}

func describeType(t reflect.Type, seen map[reflect.Type]bool) string {
	if seen[t] {
		return t.String()
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return t.Kind().String() + " " + describeType(t.Elem(), seen)
	case reflect.Struct:
		text := t.String() + "{"
		for i := range t.NumField() {
			text += t.Field(i).Name + " " + describeType(t.Field(i).Type, seen) + ";"
		}
		return text + "}"
	default:
		return t.String() + " " + t.Kind().String()
	}
}

// reader reads what codec wrote.
type reader struct {
	codec *codec
	data  []byte
}

// read sets v, of a type without interfaces. Bytes are not copied: they are part of the reader's. Errors: errCodec.
func (r *reader) read(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		n, err := r.uvarint(1)
		v.SetBool(n == 1)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(r.data)
		if size <= 0 || v.OverflowInt(n) {
			return fmt.Errorf("%w: integer", errCodec)
		}
		r.data = r.data[size:]
		v.SetInt(n)
		return nil
	case reflect.Float64:
		b, err := r.bytes(8)
		if err == nil {
			v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
		return err
	case reflect.String:
		n, err := r.uvarint(uint64(len(r.data)))
		if err != nil {
			return err
		}
		b, err := r.bytes(n)
		v.SetString(string(b))
		return err
	case reflect.Slice:
		return r.readSlice(v)
	case reflect.Pointer:
		n, err := r.uvarint(1)
		if n == 0 || err != nil {
			return err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return r.read(v.Elem())
	case reflect.Struct:
		for _, i := range r.codec.fields(v.Type()) {
			if err := r.read(v.Field(i)); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("%w: %s can't be read", errCodec, v.Type())
	}
}

func (r *reader) readSlice(v reflect.Value) error {
	n, err := r.uvarint(uint64(len(r.data)))
	if n == 0 || err != nil {
		return err
	}
	n--
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := r.bytes(n)
		v.SetBytes(b)
		return err
	}
	// Every element takes a byte at least, but much more memory: what is announced is not believed at once.
	v.Set(reflect.MakeSlice(v.Type(), 0, int(min(n, 16)))) //nolint:gosec // small
	for i := range int(n) {                                //nolint:gosec // at most as many as there are bytes
		if i == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(i + 1)
		if err := r.read(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) uvarint(most uint64) (uint64, error) {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > most {
		return 0, fmt.Errorf("%w: length", errCodec)
	}
	r.data = r.data[size:]
	return n, nil
}

func (r *reader) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(r.data)) {
		return nil, fmt.Errorf("%w: %d bytes are missing", errCodec, n-uint64(len(r.data)))
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b, nil
}
