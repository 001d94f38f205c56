package rpc

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"strings"
)

// Checkpoint is a copy of a replica's files as of one moment, which stays until its session is closed or
// forgotten.
type Checkpoint struct {
	// Session names it in the calls that follow.
	Session string
	// Durable is the log index that the files hold.
	Durable uint64
	// Files are all of them, at most MaxFiles.
	Files []File
}

// File is a file of a checkpoint.
type File struct {
	// Path is relative to the replica's directory, with slashes, and stays inside; see CheckPath.
	Path string
	// Size is in bytes.
	Size int64
	// SHA256 is that of the content.
	SHA256 [32]byte
}

// CheckPath gives ErrPath unless path is that of a file below a directory, written in the one way there is:
// relative, with slashes, without "." and ".." and empty elements, without what some systems understand
// otherwise (backslashes, colons, NUL).
func CheckPath(path string) error {
	if len(path) > maxNameBytes || path == "." || !fs.ValidPath(path) || strings.ContainsAny(path, "\\:\x00") {
		return fmt.Errorf("%w: %q", ErrPath, clip(path, 128))
	}
	return nil
}

// checkFiles refuses paths that would leave the directory or name a file twice, and sizes that make no sum.
func checkFiles(files []File) error {
	seen := make(map[string]struct{}, len(files))
	total := int64(0)
	for i := range files {
		f := &files[i]
		if err := CheckPath(f.Path); err != nil {
			return err
		}
		if _, twice := seen[f.Path]; twice {
			return fmt.Errorf("%w: %q is listed twice", ErrPath, f.Path)
		}
		seen[f.Path] = struct{}{}
		if f.Size < 0 || f.Size > math.MaxInt64-total {
			return fmt.Errorf("%w: size of file %q is %d", ErrMessage, f.Path, f.Size)
		}
		total += f.Size
	}
	return nil
}

// openCall is the body of MethodOpenCheckpoint.
type openCall struct{ group string }

func (m *openCall) encode() ([]byte, error) {
	e := newEncoder(64)
	e.name(m.group)
	return e.end(0)
}

func (m *openCall) decode(d *decoder) error {
	m.group = d.name()
	return d.end()
}

// openAnswer is the answer to it.
type openAnswer struct{ checkpoint Checkpoint }

func (m *openAnswer) encode(e *encoder) {
	c := &m.checkpoint
	if err := checkFiles(c.Files); err != nil {
		e.fail(err)
	}
	e.room("files", len(c.Files), MaxFiles)
	e.name(c.Session)
	e.uint(c.Durable)
	e.len(len(c.Files))
	for i := range c.Files {
		e.str(c.Files[i].Path)
		e.uint(uint64(c.Files[i].Size))
		e.buf = append(e.buf, c.Files[i].SHA256[:]...)
	}
}

func (m *openAnswer) decode(d *decoder) error {
	c := &m.checkpoint
	c.Session, c.Durable = d.name(), d.uint()
	if n := d.atMost(MaxFiles, 34); n > 0 {
		c.Files = make([]File, n)
		for i := range c.Files {
			c.Files[i].Path = d.name()
			c.Files[i].Size = int64(d.size())
			d.take(c.Files[i].SHA256[:])
		}
	}
	if err := d.end(); err != nil {
		return err
	}
	return checkFiles(c.Files)
}

// readCall is the body of MethodReadFile.
type readCall struct {
	session, path string
	offset        int64
	length        int
}

func (m *readCall) encode() ([]byte, error) {
	e := newEncoder(128)
	if err := m.check(); err != nil {
		return nil, err
	}
	e.name(m.session)
	e.str(m.path)
	e.uint(uint64(m.offset))
	e.len(m.length)
	return e.end(0)
}

func (m *readCall) decode(d *decoder) error {
	*m = readCall{session: d.name(), path: d.name(), offset: int64(d.size()), length: d.size()}
	if err := d.end(); err != nil {
		return err
	}
	return m.check()
}

func (m *readCall) check() error {
	if m.offset < 0 || m.length < 0 {
		return fmt.Errorf("%w: %d bytes at offset %d", ErrMessage, m.length, m.offset)
	}
	if m.length > MaxPiece {
		return fmt.Errorf("%w: %d bytes of a file, at most %d", ErrTooLarge, m.length, MaxPiece)
	}
	return CheckPath(m.path)
}

// readAnswer is the answer to it: a checksum, and all that follows is the piece.
type readAnswer struct{ piece []byte }

// pieceHead is the length of what stands before the piece: version and CRC-32C.
const pieceHead = 1 + 4

func (m *readAnswer) encode(e *encoder) {
	start := len(e.buf) - 1 // of the version
	e.buf = append(e.buf, 0, 0, 0, 0)
	e.buf = append(e.buf, m.piece...)
	sealPiece(e.buf[start:])
}

// sealPiece puts the checksum of the piece before it.
func sealPiece(answer []byte) {
	binary.LittleEndian.PutUint32(answer[1:], crc32.Checksum(answer[pieceHead:], crc32.MakeTable(crc32.Castagnoli)))
}

func (m *readAnswer) decode(d *decoder) error {
	var sum [4]byte
	d.take(sum[:])
	if d.err != nil {
		return d.err
	}
	piece := d.data[d.pos:]
	d.pos = len(d.data)
	if len(piece) > MaxPiece {
		return fmt.Errorf("%w: a piece of %d bytes", ErrTooLarge, len(piece))
	}
	if crc32.Checksum(piece, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(sum[:]) {
		return fmt.Errorf("%w: a piece of %d bytes", ErrChecksum, len(piece))
	}
	m.piece = piece
	return nil
}

// closeCall is the body of MethodCloseCheckpoint.
type closeCall struct{ session string }

func (m *closeCall) encode() ([]byte, error) {
	e := newEncoder(64)
	e.name(m.session)
	return e.end(0)
}

func (m *closeCall) decode(d *decoder) error {
	m.session = d.name()
	return d.end()
}

// emptyAnswer is an answer that says nothing.
type emptyAnswer struct{}

func (*emptyAnswer) encode(*encoder)         {}
func (*emptyAnswer) decode(d *decoder) error { return d.end() }
