package vectorfile

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
)

// FuzzFile feeds the reader arbitrary bytes, with and without checksums put right.
func FuzzFile(f *testing.F) {
	v := dense.Vector{
		ID: "a", Version: 7, Slot: 9, Digest: [16]byte{1}, Values: []float32{0.6, 0.8},
		Attributes: []api.Value{
			{Field: "n", Ints: []int64{1, 2}}, {Field: "price", Floats: []float64{1}}, {Field: "tag", Strings: []string{"x"}},
		},
	}
	for version := uint32(1); version <= formatVersion; version++ {
		h := header{version: version, dims: 2, first: 1, last: 1, index: 9, records: 2}
		file := h.encode()
		for _, payload := range [][]byte{AppendVector(nil, &v), AppendDelete(nil, "b")} {
			if version == 1 && payload[0] == recordVector {
				// It lacks the slot and the digest behind kind, id and version.
				payload = slices.Delete(payload, 1+2+8, 1+2+8+2+16)
			}
			file = binary.LittleEndian.AppendUint32(file, uint32(len(payload)))
			file = binary.LittleEndian.AppendUint32(file, castagnoli(payload))
			file = append(file, payload...)
		}
		f.Add(file, true)
		f.Add(file, false)
		f.Add(file[:70], true)
	}
	f.Add([]byte(magic), false)
	f.Fuzz(func(t *testing.T, data []byte, repair bool) {
		if repair {
			data = repaired(data)
		}
		records := uint64(0)
		h, err := decodeFile(data, 2, func(r *Record) error {
			records++
			if r.Deleted {
				return nil
			}
			require.Len(t, r.Vector.Values, 2)
			// As bytes, for NaN is not equal to itself.
			payload := AppendVector(nil, &r.Vector)
			again, err := decodeRecord(payload, formatVersion, 2, nil)
			require.NoError(t, err)
			require.Equal(t, payload, AppendVector(nil, &again.Vector))
			return nil
		})
		if err == nil {
			require.Equal(t, h.records, records)
		}
	})
}

// repaired puts the checksums right as far as the lengths go.
func repaired(data []byte) []byte {
	data = append([]byte(nil), data...)
	if len(data) < headerSize {
		return data
	}
	binary.LittleEndian.PutUint32(data[52:], castagnoli(data[:52]))
	for at := headerSize; at+frameSize <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at:]))
		end := at + frameSize + size
		if end > len(data) {
			break
		}
		binary.LittleEndian.PutUint32(data[at+4:], castagnoli(data[at+frameSize:end]))
		at = end
	}
	return data
}
