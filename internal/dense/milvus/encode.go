package milvus

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Values are kept as lower-case hexadecimal digits, of the bytes of a keyword or of the 64 bits of a
// number arranged so that the order of the digits is the order of the numbers. They need no quoting, and
// one kind of comparison serves all types exactly.

// encodeText encodes a keyword.
func encodeText(s string) string { return hex.EncodeToString([]byte(s)) }

// encodeInt encodes an int, date or bool.
func encodeInt(n int64) string { return fmt.Sprintf("%016x", uint64(n)^1<<63) }

// encodeFloat encodes a float; both zeros are the same.
func encodeFloat(f float64) string {
	if f == 0 {
		// Not a no-op: minus zero becomes zero.
		f = 0
	}
	b := math.Float64bits(f)
	if b>>63 == 1 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	return fmt.Sprintf("%016x", b)
}

func encodeScalar(s api.Scalar) string {
	switch s.Type {
	case api.TypeKeyword:
		return encodeText(s.Str)
	case api.TypeFloat:
		return encodeFloat(s.Float)
	}
	return encodeInt(s.Int)
}

// fieldKey is a field's key in the JSON column.
func fieldKey(name string) string { return "f" + hex.EncodeToString([]byte(name)) }

// encodeAttributes gives the JSON value of a document, fields to arrays of encoded values, and the length of the
// longest, at most maxSlots + 1. An array begins with the greatest and the least value, so that
// half-open intervals need to look at no other.
func encodeAttributes(attributes []api.Value, filterable map[string]bool) (doc []byte, width int8, err error) {
	fields := map[string][]string{}
	for i := range attributes {
		if a := &attributes[i]; filterable[a.Field] {
			if values := encodeValue(a); len(values) > 0 {
				fields[fieldKey(a.Field)] = values
				width = max(width, int8(min(len(values), maxSlots+1)))
			}
		}
	}
	if doc, err = json.Marshal(fields); err != nil {
		return nil, 0, fmt.Errorf("encode attributes: %w", err)
	}
	if len(doc) > maxAttributeBytes {
		return nil, 0, fmt.Errorf("%w: its attributes take %d bytes, the limit is %d",
			dense.ErrTooLarge, len(doc), maxAttributeBytes)
	}
	return doc, width, nil
}

// encodeValue gives the distinct values: the greatest, the least, then the rest.
func encodeValue(a *api.Value) []string {
	out := make([]string, 0, len(a.Strings)+len(a.Ints)+len(a.Floats))
	for _, s := range a.Strings {
		out = append(out, encodeText(s))
	}
	for _, n := range a.Ints {
		out = append(out, encodeInt(n))
	}
	for _, f := range a.Floats {
		out = append(out, encodeFloat(f))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if last := len(out) - 1; last > 0 {
		greatest := out[last]
		copy(out[1:], out[:last])
		out[0] = greatest
	}
	return out
}
