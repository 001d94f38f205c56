package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// frameReader reads frames of one connection, for one goroutine.
type frameReader struct {
	*bufio.Reader
}

func newFrameReader(r io.Reader) frameReader { return frameReader{bufio.NewReaderSize(r, readBuffer)} }

// head reads the beginning of the next frame; io.EOF tells that the peer closed between two frames.
func (r frameReader) head() (head, error) {
	b, err := r.Peek(headSize)
	if err != nil {
		if len(b) > 0 {
			err = whole(err)
		}
		return head{}, err
	}
	h, err := decodeHead(b)
	if err != nil {
		return h, err
	}
	_, err = r.Discard(headSize)
	return h, err
}

// request reads what precedes the body of a request whose head was read, and gives the body's length.
func (r frameReader) request(h head) (request, int, error) {
	b, err := r.Peek(requestSize)
	if err != nil {
		return request{}, 0, whole(err)
	}
	q, err := decodeRequest(b)
	if err != nil {
		return q, 0, err
	}
	if _, err := r.Discard(requestSize); err != nil {
		return q, 0, err
	}
	length := h.length - requestSize
	if !q.traced {
		return q, length, nil
	}
	if length < len(q.trace) {
		return q, 0, fmt.Errorf("decode request: %w: it ends within its trace", ErrProtocol)
	}
	_, err = io.ReadFull(r, q.trace[:])
	return q, length - len(q.trace), whole(err)
}

// status reads the status of a response whose head was read.
func (r frameReader) status() (uint16, error) {
	b, err := r.Peek(statusSize)
	if err != nil {
		return 0, whole(err)
	}
	status := binary.LittleEndian.Uint16(b)
	_, err = r.Discard(statusSize)
	return status, err
}

// body appends the next n bytes to dst. It allocates firstRead bytes at most before they are there.
func (r frameReader) body(dst []byte, n int) ([]byte, error) {
	start := len(dst)
	for len(dst)-start < n {
		have := len(dst) - start
		step := min(n-have, max(firstRead, have))
		dst = slices.Grow(dst, step)
		got, err := io.ReadFull(r, dst[len(dst):len(dst)+step])
		dst = dst[:len(dst)+got]
		if err != nil {
			return dst, whole(err)
		}
	}
	return dst, nil
}

// skip throws the next n bytes away.
func (r frameReader) skip(n int) error {
	_, err := r.Discard(n)
	return whole(err)
}

// whole gives the error of a read that ended within a frame.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
