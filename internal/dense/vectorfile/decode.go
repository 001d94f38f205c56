package vectorfile

import (
	"encoding/binary"
	"fmt"

	"sagasu/internal/dense"
)

// decodeFile reads a file and gives its records one by one, in order; their values are valid during the
// call only.
func decodeFile(data []byte, dims int, each func(r *Record) error) (header, error) {
	h, err := decodeHeader(data)
	if err != nil {
		return h, err
	}
	if h.dims != dims {
		return h, fmt.Errorf("%w: the file has %d, the index has %d", dense.ErrDimension, h.dims, dims)
	}
	values := make([]float32, dims)
	offset := uint64(headerSize)
	for n := range h.records {
		payload, err := frame(data, offset)
		if err != nil {
			return h, fmt.Errorf("%w: record %d of %d: %w", ErrCorrupt, n, h.records, err)
		}
		r, err := decodeRecord(payload, h.version, dims, values)
		if err != nil {
			return h, fmt.Errorf("%w: record %d of %d: %w", ErrCorrupt, n, h.records, err)
		}
		r.Offset = offset
		if err := each(&r); err != nil {
			return h, err
		}
		offset += frameSize + uint64(len(payload))
	}
	if left := uint64(len(data)) - offset; left > 0 {
		return h, fmt.Errorf("%w: %d bytes follow the last record", ErrCorrupt, left)
	}
	return h, nil
}

// frame gives the payload of the record at an offset, after checking its checksum.
func frame(data []byte, offset uint64) ([]byte, error) {
	if offset > uint64(len(data)) || uint64(len(data))-offset < frameSize {
		return nil, fmt.Errorf("the file ends before it")
	}
	left := data[offset:]
	size, sum := uint64(binary.LittleEndian.Uint32(left)), binary.LittleEndian.Uint32(left[4:])
	left = left[frameSize:]
	if size > uint64(len(left)) {
		return nil, fmt.Errorf("the file ends in it")
	}
	payload := left[:size:size]
	if castagnoli(payload) != sum {
		return nil, fmt.Errorf("its checksum is wrong")
	}
	return payload, nil
}
