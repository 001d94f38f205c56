//go:build !unix

package wire

import "net"

// tryWriter writes without waiting, which is not done here.
type tryWriter struct{}

// newTryWriter gives nil for a connection that can't be written to without waiting.
func newTryWriter(net.Conn) *tryWriter { return nil }

func (*tryWriter) try([]byte) (int, error) { return 0, nil }
