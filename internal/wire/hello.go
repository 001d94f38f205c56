package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The protocol versions this program speaks.
const (
	minVersion uint16 = 1
	maxVersion uint16 = 1
)

// helloHead is the size of what precedes the announced part of a hello: magic and length.
const helloHead = 6

const helloMagic = "SGW1"

// Hello is what a node tells of itself when a connection is made.
type Hello struct {
	// Cluster is the id of the node's cluster, empty while it knows none; Node the node's id; Instance tells two
	// nodes of one id apart, and may be empty. All are 255 bytes at most.
	Cluster, Node, Instance string
}

// greeting is a hello on the wire.
type greeting struct {
	Hello
	low, high uint16 // protocol versions spoken
	refused   bool
	reason    string
}

// greet is this program's greeting.
func greet(hello Hello) greeting { return greeting{Hello: hello, low: minVersion, high: maxVersion} }

// version gives the protocol version of a connection between the two.
func (g *greeting) version(peer *greeting) (uint16, error) {
	v := min(g.high, peer.high)
	if v < g.low || v < peer.low {
		return 0, fmt.Errorf("%w: it speaks versions %d to %d, this node %d to %d",
			ErrProtocol, peer.low, peer.high, g.low, g.high)
	}
	return v, nil
}

// appendGreeting appends the encoding. A reason that is too long is cut; a name that is too long is an error.
func appendGreeting(dst []byte, g greeting) ([]byte, error) {
	if max(len(g.Cluster), len(g.Node), len(g.Instance)) > maxName {
		return dst, fmt.Errorf("%w: names of %d, %d and %d bytes in the hello, at most %d are allowed",
			ErrInvalidConfig, len(g.Cluster), len(g.Node), len(g.Instance), maxName)
	}
	g.reason = cut(g.reason, maxReason)
	dst = append(dst, helloMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(10+len(g.Cluster)+len(g.Node)+len(g.Instance)+len(g.reason)))
	dst = binary.LittleEndian.AppendUint16(dst, g.low)
	dst = binary.LittleEndian.AppendUint16(dst, g.high)
	if g.refused {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	dst = append(append(dst, byte(len(g.Cluster))), g.Cluster...)
	dst = append(append(dst, byte(len(g.Node))), g.Node...)
	dst = append(append(dst, byte(len(g.Instance))), g.Instance...)
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(g.reason))), g.reason...), nil
}

// readGreeting reads a hello. Its errors are the reader's or ErrProtocol.
func readGreeting(r io.Reader) (greeting, error) {
	var head [helloHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return greeting{}, fmt.Errorf("read hello: %w", err)
	}
	if string(head[:4]) != helloMagic {
		return greeting{}, fmt.Errorf("read hello: %w: it begins with %q", ErrProtocol, head[:4])
	}
	length := int(binary.LittleEndian.Uint16(head[4:]))
	if length > maxHello {
		return greeting{}, fmt.Errorf("read hello: %w: its length is %d, over %d", ErrProtocol, length, maxHello)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return greeting{}, fmt.Errorf("read hello: %w", err)
	}
	return decodeGreeting(body)
}

// decodeGreeting reads what follows magic and length.
func decodeGreeting(body []byte) (greeting, error) {
	var g greeting
	if len(body) < 5 {
		return g, fmt.Errorf("decode hello: %w: it ends early", ErrProtocol)
	}
	g.low, g.high = binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
	if g.low > g.high || body[4] > 1 {
		return g, fmt.Errorf("decode hello: %w: versions %d to %d, status %d", ErrProtocol, g.low, g.high, body[4])
	}
	g.refused = body[4] == 1
	rest := body[5:]
	for _, field := range []struct {
		width, limit int
		value        *string
	}{{1, maxName, &g.Cluster}, {1, maxName, &g.Node}, {1, maxName, &g.Instance}, {2, maxReason, &g.reason}} {
		if len(rest) < field.width {
			return g, fmt.Errorf("decode hello: %w: it ends early", ErrProtocol)
		}
		n := int(rest[0])
		if field.width == 2 {
			n = int(binary.LittleEndian.Uint16(rest))
		}
		rest = rest[field.width:]
		if n > len(rest) || n > field.limit {
			return g, fmt.Errorf("decode hello: %w: a text of %d bytes", ErrProtocol, n)
		}
		*field.value, rest = string(rest[:n]), rest[n:]
	}
	return g, nil
}
