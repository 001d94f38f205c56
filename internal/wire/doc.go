// Package wire carries calls between nodes: framed TCP, many calls at a time on one connection, one listener a node.
// It knows methods as numbers and bodies as bytes. The format is described in docs/formats/wire.md.
//
// A Server answers calls, a Pool makes them. The errors of a Pool tell whether a call may have had an effect:
// ErrUnreachable, ErrRefused and ErrWrongNode say that the request was surely not sent, ErrBroken that nobody knows.
//
// Frames that are sent at the same time become one write. Whether there are such frames is seen from what arrives: a
// read that brought several frames means that several goroutines will send in a moment, so the write waits for
// the scheduler's next turn; after a read that brought one frame the sender writes by itself, at once.
package wire
