package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Sizes of frames' parts, in bytes.
const (
	headSize     = 13                                    // length, kind, call id
	headCounted  = headSize - 4                          // what of it the length counts
	requestSize  = 8                                     // method, version, flags, deadline
	statusSize   = 2                                     // of a response
	responseHead = headSize + statusSize                 // before a response's body
	requestHead  = headSize + requestSize + len(Trace{}) // before a request's body, at most
)

// Kinds of frames.
const (
	kindRequest  byte = 1
	kindResponse byte = 2
	kindCancel   byte = 3
	kindPing     byte = 4
	kindPong     byte = 5
	kindGoodbye  byte = 6
)

// flagTrace says that a trace follows the request's fixed part.
const flagTrace byte = 1

// head is what every frame begins with.
type head struct {
	length int // of what follows the head
	kind   byte
	id     uint64
}

// request is what precedes a request's body.
type request struct {
	method   uint16
	version  byte
	deadline time.Duration // what remains; 0 for none
	traced   bool
	trace    Trace
}

func appendHead(dst []byte, kind byte, id uint64, length int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(headCounted+length))
	return binary.LittleEndian.AppendUint64(append(dst, kind), id)
}

// decodeHead reads a frame's first headSize bytes.
func decodeHead(b []byte) (head, error) {
	length := binary.LittleEndian.Uint32(b)
	h := head{kind: b[4], id: binary.LittleEndian.Uint64(b[5:])}
	if length < headCounted || length > maxFrame {
		return h, fmt.Errorf("decode frame: %w: its length is %d", ErrProtocol, length)
	}
	h.length = int(length) - headCounted
	least, most := 0, 0
	switch h.kind {
	case kindRequest:
		least, most = requestSize, maxFrame
	case kindResponse:
		least, most = statusSize, maxFrame
	case kindCancel, kindPing, kindPong, kindGoodbye:
	default:
		return h, fmt.Errorf("decode frame: %w: its kind is %d", ErrProtocol, h.kind)
	}
	if h.length < least || h.length > most {
		return h, fmt.Errorf("decode frame: %w: kind %d with length %d", ErrProtocol, h.kind, length)
	}
	return h, nil
}

// appendRequest appends all of a request's frame that precedes its body of the given length.
func appendRequest(dst []byte, id uint64, r *request, body int) []byte {
	size, flags := requestSize, byte(0)
	if r.traced {
		size, flags = size+len(r.trace), flagTrace
	}
	dst = appendHead(dst, kindRequest, id, size+body)
	dst = binary.LittleEndian.AppendUint16(dst, r.method)
	dst = append(dst, r.version, flags)
	dst = binary.LittleEndian.AppendUint32(dst, millis(r.deadline))
	if r.traced {
		dst = append(dst, r.trace[:]...)
	}
	return dst
}

// millis rounds up, so that no deadline becomes none; a deadline weeks away is none.
func millis(d time.Duration) uint32 {
	ms := (d + time.Millisecond - 1) / time.Millisecond
	if d <= 0 || ms > math.MaxUint32 {
		return 0
	}
	return uint32(ms)
}

// decodeRequest reads the first requestSize bytes after the head. The trace comes after them.
func decodeRequest(b []byte) (request, error) {
	r := request{
		method:   binary.LittleEndian.Uint16(b),
		version:  b[2],
		deadline: time.Duration(binary.LittleEndian.Uint32(b[4:])) * time.Millisecond,
		traced:   b[3]&flagTrace != 0,
	}
	if b[3]&^flagTrace != 0 {
		return r, fmt.Errorf("decode request: %w: its flags are %#x", ErrProtocol, b[3])
	}
	return r, nil
}

// putResponse writes all of a successful response's frame that precedes its body into dst, of responseHead bytes.
func putResponse(dst []byte, id uint64, body int) {
	binary.LittleEndian.PutUint16(appendHead(dst[:0], kindResponse, id, statusSize+body)[:responseHead][headSize:], 0)
}

// failureFrame gives the frame of a response that is an error.
func failureFrame(id uint64, e *Error) []byte {
	message := cut(e.Message, maxMessage)
	dst := make([]byte, 0, responseHead+2+len(message)+len(e.Detail))
	dst = appendHead(dst, kindResponse, id, statusSize+2+len(message)+len(e.Detail))
	dst = binary.LittleEndian.AppendUint16(dst, e.Code)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(message)))
	return append(append(dst, message...), e.Detail...)
}

// decodeFailure reads what follows the status of a response that is an error. The detail is a copy.
func decodeFailure(code uint16, b []byte) (*Error, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("decode failure: %w: it ends early", ErrProtocol)
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	if n > len(b) || n > maxMessage || len(b)-n > MaxDetail {
		return nil, fmt.Errorf("decode failure: %w: a message of %d bytes in %d", ErrProtocol, n, len(b))
	}
	e := &Error{Code: code, Message: string(b[:n])}
	if !utf8.ValidString(e.Message) {
		return nil, fmt.Errorf("decode failure: %w: its message is not UTF-8", ErrProtocol)
	}
	if n < len(b) {
		e.Detail = append([]byte(nil), b[n:]...)
	}
	return e, nil
}
