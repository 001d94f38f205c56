package vectorfile

import (
	"encoding/binary"
	"fmt"
)

const (
	magic = "sagasuFV"
	// formatVersion is what is written; 1 is still read. Since 2 a vector has a slot and a digest.
	formatVersion = 2
	headerSize    = 56
	// frameSize is the length and the checksum before a payload.
	frameSize = 8
)

// header is a file's first bytes.
type header struct {
	version     uint32
	dims        int
	first, last uint64
	index       uint64
	records     uint64
}

func (h *header) encode() []byte {
	buf := append(make([]byte, 0, headerSize), magic...)
	buf = binary.LittleEndian.AppendUint32(buf, h.version)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(h.dims))
	for _, n := range []uint64{h.first, h.last, h.index, h.records} {
		buf = binary.LittleEndian.AppendUint64(buf, n)
	}
	buf = binary.LittleEndian.AppendUint32(buf, 0)
	return binary.LittleEndian.AppendUint32(buf, castagnoli(buf))
}

func decodeHeader(data []byte) (header, error) {
	switch {
	case len(data) < headerSize:
		return header{}, fmt.Errorf("%w: it has %d bytes, less than a header", ErrCorrupt, len(data))
	case string(data[:8]) != magic:
		return header{}, fmt.Errorf("%w: it does not begin with %q", ErrCorrupt, magic)
	}
	// Every version's header has its checksum there, so that damage is not taken for a newer version.
	if binary.LittleEndian.Uint32(data[52:]) != castagnoli(data[:52]) {
		return header{}, fmt.Errorf("%w: checksum of the header is wrong", ErrCorrupt)
	}
	version := binary.LittleEndian.Uint32(data[8:])
	if version > formatVersion {
		return header{}, fmt.Errorf("%w: it has version %d, this build reads up to %d", ErrVersion, version, formatVersion)
	}
	if version == 0 {
		return header{}, fmt.Errorf("%w: it has version 0", ErrCorrupt)
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(data[i:]) }
	return header{
		version: version,
		dims:    int(binary.LittleEndian.Uint32(data[12:])),
		first:   at(16), last: at(24), index: at(32), records: at(40),
	}, nil
}
