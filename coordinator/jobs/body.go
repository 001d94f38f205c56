package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// errLineTooLong is returned for a line over the limit; the next call goes on after it.
var errLineTooLong = errors.New("line too long")

// body reads the lines of a job's body, and nothing that is not as it was received.
type body struct {
	d       *description
	mapping vfs.Mapping
	data    []byte
	// verified is the number of blocks whose checksum was held against the content.
	verified int
	// offset and line are where it reads on: the position, and the number of lines before it.
	offset, line int64
}

// openBody opens a job's body to be read from a line on.
func openBody(fsys vfs.FS, dir string, d *description, offset, line int64) (*body, error) {
	mapping, err := fsys.Map(filepath.Join(dir, bodyFile))
	if err != nil {
		return nil, fmt.Errorf("open body: %w", err)
	}
	b := &body{d: d, mapping: mapping, data: mapping.Bytes(), offset: offset, line: line}
	if int64(len(b.data)) != d.Bytes {
		err := fmt.Errorf("body has %d bytes, %d were received: %w", len(b.data), d.Bytes, ErrDamaged)
		return nil, errors.Join(err, mapping.Close())
	}
	b.verified = int(offset / int64(d.Block))
	return b, nil
}

func (b *body) close() error { return b.mapping.Close() }

func (b *body) ended() bool { return b.offset >= b.d.Bytes }

// next gives the next line without its end and surrounding space, valid until close. An empty line is empty. Errors:
// errLineTooLong, ErrDamaged.
func (b *body) next() ([]byte, error) {
	rest := b.data[b.offset:]
	length := bytes.IndexByte(rest, '\n') + 1
	if length == 0 {
		length = len(rest)
	}
	end := b.offset + int64(length)
	if err := b.verify(end); err != nil {
		return nil, err
	}
	b.offset = end
	b.line++
	if length > api.MaxBulkLine {
		return nil, errLineTooLong
	}
	return bytes.TrimSpace(rest[:length]), nil
}

// verify holds the blocks up to a position against their checksums.
func (b *body) verify(end int64) error {
	block := int64(b.d.Block)
	for int64(b.verified)*block < end {
		from := int64(b.verified) * block
		to := min(from+block, b.d.Bytes)
		if crc32.Checksum(b.data[from:to], castagnoli()) != b.d.Sums[b.verified] {
			return fmt.Errorf("bytes %d to %d of the body are not what was received: %w", from, to, ErrDamaged)
		}
		b.verified++
	}
	return nil
}
