package rediscache

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/s2"
)

// A value in Redis is a header of 12 bytes and the value, plain or compressed: 's', 'g', the version, the form, and
// the xxhash64 of version, form, key and what follows, little-endian. The key is part of the sum so that a value
// under another's key is none.
const (
	headerBytes  = 12
	valueVersion = 1

	formPlain      = 0
	formCompressed = 1
)

// encodeValue gives what is stored of a value; it copies it.
func encodeValue(key string, value []byte) []byte {
	form, out := byte(formPlain), []byte(nil)
	if len(value) >= compressFrom {
		out = make([]byte, headerBytes+s2.MaxEncodedLen(len(value)))
		out = out[:headerBytes+len(s2.Encode(out[headerBytes:], value))]
		form = formCompressed
	}
	// What hardly shrinks is not worth its expansion.
	if form == formPlain || len(out) > len(value)*7/8 {
		form, out = formPlain, make([]byte, headerBytes+len(value))
		copy(out[headerBytes:], value)
	}
	out[0], out[1], out[2], out[3] = 's', 'g', valueVersion, form
	binary.LittleEndian.PutUint64(out[4:], sum(key, out))
	return out
}

// decodeValue gives the value that was stored under the key; it may be a part of data. Errors: errDamaged.
func decodeValue(key string, data []byte) ([]byte, error) {
	switch {
	case len(data) < headerBytes || data[0] != 's' || data[1] != 'g':
		return nil, fmt.Errorf("%w: no header", errDamaged)
	case data[2] != valueVersion || data[3] > formCompressed:
		return nil, fmt.Errorf("%w: version %d, form %d", errDamaged, data[2], data[3])
	case binary.LittleEndian.Uint64(data[4:]) != sum(key, data):
		return nil, fmt.Errorf("%w: checksum", errDamaged)
	case data[3] == formPlain:
		return data[headerBytes:], nil
	}
	packed := data[headerBytes:]
	if n, err := s2.DecodedLen(packed); err != nil || n > maxValue {
		return nil, fmt.Errorf("%w: announces %d bytes", errDamaged, n)
	}
	value, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return value, nil
}

func sum(key string, data []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	// Writing to a hash gives no errors.
	_, _ = d.Write(data[2:4])
	_, _ = d.WriteString(key)
	_, _ = d.Write(data[headerBytes:])
	return d.Sum64()
}
