package segment

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"sagasu/internal/vfs"
)

// writer writes sections one after the other and, at the end, their table.
type writer struct {
	file    vfs.File
	buf     *bufio.Writer
	offset  uint64
	crc     uint32
	start   uint64
	entries []byte
}

func newWriter(file vfs.File) (*writer, error) {
	w := &writer{file: file, buf: bufio.NewWriterSize(file, 1<<18)}
	return w, w.write(header())
}

// header is what a file begins with.
func header() []byte {
	h := binary.LittleEndian.AppendUint32([]byte(magic), FormatVersion)
	return append(h, 0, 0, 0, 0)
}

func (w *writer) write(p []byte) error {
	n, err := w.buf.Write(p)
	w.offset += uint64(n)
	w.crc = crc32.Update(w.crc, castagnoli, p[:n])
	if err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	return nil
}

// begin starts a section, on an 8-byte boundary.
func (w *writer) begin() error {
	if pad := -w.offset & 7; pad > 0 {
		if err := w.write(make([]byte, pad)); err != nil {
			return err
		}
	}
	w.start, w.crc = w.offset, 0
	return nil
}

// end closes the section that begin started.
func (w *writer) end(kind sectionKind, field int) {
	e := make([]byte, entrySize)
	binary.LittleEndian.PutUint16(e[0:], uint16(kind))
	binary.LittleEndian.PutUint16(e[2:], uint16(field))
	binary.LittleEndian.PutUint32(e[4:], w.crc)
	binary.LittleEndian.PutUint64(e[8:], w.start)
	binary.LittleEndian.PutUint64(e[16:], w.offset-w.start)
	w.entries = append(w.entries, e...)
}

func (w *writer) section(kind sectionKind, field int, data []byte) error {
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.write(data); err != nil {
		return err
	}
	w.end(kind, field)
	return nil
}

// finish writes table and footer and syncs the file.
func (w *writer) finish() error {
	if err := w.begin(); err != nil {
		return err
	}
	table := w.offset
	if err := w.write(w.entries); err != nil {
		return err
	}
	footer := make([]byte, 0, footerSize)
	footer = binary.LittleEndian.AppendUint64(footer, table)
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(w.entries)))
	footer = binary.LittleEndian.AppendUint32(footer, frameSum(header(), w.entries))
	footer = append(footer, magic...)
	if err := w.write(footer); err != nil {
		return err
	}
	if err := w.buf.Flush(); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync segment: %w", err)
	}
	return nil
}
