//go:build unix

package wire

import (
	"errors"
	"net"
	"syscall"
)

// tryWriter writes what a TCP connection takes without waiting. It saves the hop to another goroutine, while a
// peer that does not read can't hold up a caller.
type tryWriter struct {
	raw   syscall.RawConn
	write func(fd uintptr) bool // made once, as it would be allocated for each write
	data  []byte
	n     int
	err   error
}

// newTryWriter gives nil for a connection that can't be written to without waiting.
func newTryWriter(conn net.Conn) *tryWriter {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	w := &tryWriter{raw: raw}
	w.write = func(fd uintptr) bool {
		for {
			w.n, w.err = syscall.Write(int(fd), w.data)
			if !errors.Is(w.err, syscall.EINTR) {
				return true
			}
		}
	}
	return w
}

// try writes a part of data, perhaps all or nothing of it. Only one goroutine may do so at a time.
func (w *tryWriter) try(data []byte) (int, error) {
	w.data, w.n, w.err = data, 0, nil
	err := w.raw.Write(w.write)
	w.data = nil
	if err == nil && !errors.Is(w.err, syscall.EAGAIN) {
		err = w.err
	}
	return max(w.n, 0), err
}
