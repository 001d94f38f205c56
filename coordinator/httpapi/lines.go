package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errLineTooLong is returned for a line over the limit; the next call goes on after it.
var errLineTooLong = errors.New("line too long")

// lineReader reads lines of a limited length in a buffer that grows with the longest one.
type lineReader struct {
	in    *bufio.Reader
	line  []byte
	limit int
}

func newLineReader(in io.Reader, limit int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10), limit: limit}
}

// next gives the next line without its end and surrounding space, valid until the next call. An empty
// line is empty; io.EOF comes after the last line, which may lack its end.
func (r *lineReader) next() ([]byte, error) {
	r.line = r.line[:0]
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if long = long || len(r.line)+len(part) > r.limit; !long {
			r.line = append(r.line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(r.line) > 0 || long):
			// The end of the input will be met again.
		case err != nil:
			return nil, err
		}
		if long {
			return nil, errLineTooLong
		}
		return bytes.TrimSpace(r.line), nil
	}
}

// empty reports whether reading on would have to wait for the client.
func (r *lineReader) empty() bool { return r.in.Buffered() == 0 }
