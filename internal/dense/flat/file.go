package flat

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

const (
	magic         = "sagasuFV"
	formatVersion = 1
	headerSize    = 56
	// frameSize is the length and the checksum before a payload.
	frameSize = 8
	// writeBuffer is the size of the writes, in bytes.
	writeBuffer = 1 << 18
)

// header is a file's first bytes.
type header struct {
	dims        int
	first, last uint64
	index       uint64
	records     uint64
}

func (h *header) encode() []byte {
	buf := append(make([]byte, 0, headerSize), magic...)
	buf = binary.LittleEndian.AppendUint32(buf, formatVersion)
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
	// Before the checksum: a newer version may have another header.
	if v := binary.LittleEndian.Uint32(data[8:]); v > formatVersion {
		return header{}, fmt.Errorf("%w: it has version %d, this build reads up to %d", ErrVersion, v, formatVersion)
	}
	if binary.LittleEndian.Uint32(data[52:]) != castagnoli(data[:52]) {
		return header{}, fmt.Errorf("%w: checksum of the header is wrong", ErrCorrupt)
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(data[i:]) }
	return header{
		dims:  int(binary.LittleEndian.Uint32(data[12:])),
		first: at(16), last: at(24), index: at(32), records: at(40),
	}, nil
}

// decodeFile reads a file and gives its records one by one, in order; a delete's vector has only an id.
func decodeFile(data []byte, dims int, each func(kind byte, v *dense.Vector) error) (header, error) {
	h, err := decodeHeader(data)
	if err != nil {
		return h, err
	}
	if h.dims != dims {
		return h, fmt.Errorf("%w: the file has %d, the index has %d", dense.ErrDimension, h.dims, dims)
	}
	left := data[headerSize:]
	for n := range h.records {
		if len(left) < frameSize {
			return h, fmt.Errorf("%w: it ends at record %d of %d", ErrCorrupt, n, h.records)
		}
		size, sum := uint64(binary.LittleEndian.Uint32(left)), binary.LittleEndian.Uint32(left[4:])
		left = left[frameSize:]
		if size > uint64(len(left)) {
			return h, fmt.Errorf("%w: it ends in record %d of %d", ErrCorrupt, n, h.records)
		}
		if castagnoli(left[:size]) != sum {
			return h, fmt.Errorf("%w: checksum of record %d is wrong", ErrCorrupt, n)
		}
		kind, v, err := decodeRecord(left[:size], dims)
		if err != nil {
			return h, fmt.Errorf("%w: record %d: %w", ErrCorrupt, n, err)
		}
		if err := each(kind, &v); err != nil {
			return h, err
		}
		left = left[size:]
	}
	if len(left) > 0 {
		return h, fmt.Errorf("%w: %d bytes follow the last record", ErrCorrupt, len(left))
	}
	return h, nil
}

// state is what a record says of an id: a row, or that there is none.
type state struct {
	id string
	place
}

// writeFile writes a file under its final name, durably.
func writeFile(ctx context.Context, fs vfs.FS, dir string, h header, records []state) error {
	path := filepath.Join(dir, fileName(h.first, h.last))
	tmp := path + tmpExt
	out, err := fs.Create(tmp)
	if err != nil {
		return fmt.Errorf("create vector file: %w", err)
	}
	err = writeRecords(ctx, out, h, records)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("write vector file %s: %w", tmp, err), fs.Remove(tmp))
	}
	if err := fs.Rename(tmp, path); err != nil {
		return fmt.Errorf("rename vector file: %w", err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return fmt.Errorf("sync vector directory: %w", err)
	}
	return nil
}

func writeRecords(ctx context.Context, out vfs.File, h header, records []state) error {
	w := bufio.NewWriterSize(out, writeBuffer)
	if _, err := w.Write(h.encode()); err != nil {
		return err
	}
	var payload, frame []byte
	for i := range records {
		if err := dense.ContextError(ctx); err != nil {
			return err
		}
		if s := &records[i]; s.at == nil {
			payload = appendString(append(payload[:0], recordDelete), s.id)
		} else {
			v := s.at.vector(s.row, h.dims)
			payload = appendVector(payload[:0], &v)
		}
		if len(payload) > maxRecordBytes {
			return fmt.Errorf("document %q: %w: its record has %d bytes", records[i].id, dense.ErrTooLarge, len(payload))
		}
		frame = binary.LittleEndian.AppendUint32(frame[:0], uint32(len(payload)))
		frame = binary.LittleEndian.AppendUint32(frame, castagnoli(payload))
		if _, err := w.Write(append(frame, payload...)); err != nil {
			return err
		}
	}
	return w.Flush()
}
