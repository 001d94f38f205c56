package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

var (
	// ErrInvalidConfig is returned by NewServer and NewPool when a setting is missing or out of its range.
	ErrInvalidConfig = errors.New("invalid wire configuration")
	// ErrUnreachable is returned when no connection could be made, or the node is shutting down; the request surely was
	// not acted on.
	ErrUnreachable = errors.New("node is unreachable")
	// ErrBroken is returned when the connection broke after the request may have been sent: it may have had its effect.
	ErrBroken = errors.New("connection broke during the call")
	// ErrRefused is returned when the node refuses this one, with its reason; the request was not sent.
	ErrRefused = errors.New("node refuses the connection")
	// ErrWrongNode is returned when another node answers at the address, or one that this side does not admit; the
	// request was not sent.
	ErrWrongNode = errors.New("another node answers at the address")
	// ErrClosed is returned when the pool is closed, before or during the call, and by Serve of a closed server.
	ErrClosed = errors.New("wire is closed")
	// ErrTooLarge is returned when a request's or an answer's body is over MaxBody.
	ErrTooLarge = errors.New("body is too large")
	// ErrProtocol is returned when a peer sends what the protocol does not allow.
	ErrProtocol = errors.New("peer breaks the protocol")

	// errSilent is why a connection breaks whose peer sends nothing.
	errSilent = errors.New("nothing received")
	// errStalled is why a connection breaks whose peer takes nothing.
	errStalled = errors.New("nothing taken")
	// errNoReturn is what a handler fails with that ends its goroutine.
	errNoReturn = errors.New("handler did not return")
	// errLeft is why a connection ends that the pool has no use for.
	errLeft = errors.New("the node has moved")
	// errGoodbye is why a connection ends whose node is shutting down; it has begun none of the calls without an answer.
	errGoodbye = errors.New("the node is shutting down")
)

// Codes of Error that this package gives meaning to. Those of handlers begin at CodeFirstFree; a handler may return
// these as well.
const (
	// CodeInternal is a handler's error that is no *Error, or its panic.
	CodeInternal uint16 = 1
	// CodeUnknownMethod is the answer to a method nobody handles; nothing was done.
	CodeUnknownMethod uint16 = 2
	// CodeOverloaded is the answer when too many calls are under way; nothing was done.
	CodeOverloaded uint16 = 3
	// CodeDeadline is a handler's context.DeadlineExceeded, and errors.Is recognises it as that.
	CodeDeadline uint16 = 4
	// CodeCanceled is a handler's context.Canceled, and errors.Is recognises it as that.
	CodeCanceled uint16 = 5
	// CodeTooLarge is an answer over MaxBody; errors.Is recognises ErrTooLarge.
	CodeTooLarge uint16 = 6
	// CodeClosing is the answer of a server that is closing; nothing was done. A Pool turns it into ErrUnreachable.
	CodeClosing uint16 = 7
	// CodeFirstFree is the first code that is the handlers' own.
	CodeFirstFree uint16 = 256
)

// Error is a failure the other side's handler returned.
type Error struct {
	// Code is not 0; those below CodeFirstFree are this package's.
	Code uint16
	// Message is for people; over 4 KiB of it are cut.
	Message string
	// Detail is for programs, at most MaxDetail bytes.
	Detail []byte
}

// Error gives the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("call failed with code %d", e.Code)
	}
	return e.Message
}

// Is recognises the errors that have a code of their own.
func (e *Error) Is(target error) bool {
	switch e.Code {
	case CodeDeadline:
		return target == context.DeadlineExceeded
	case CodeCanceled:
		return target == context.Canceled
	case CodeTooLarge:
		return target == ErrTooLarge
	default:
		return false
	}
}

// asError gives what travels for an error a handler returned.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.fit(err)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeDeadline, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCanceled, Message: err.Error()}
	default:
		return &Error{Code: CodeInternal, Message: err.Error()}
	}
}

// fit gives the error as it can travel, with the text of what it is wrapped in.
func (e *Error) fit(outer error) *Error {
	switch {
	case e == nil:
		return &Error{Code: CodeInternal, Message: "handler failed with a nil error"}
	case e.Code == 0:
		return &Error{Code: CodeInternal, Message: "handler failed with code 0: " + outer.Error()}
	case len(e.Detail) > MaxDetail:
		return &Error{
			Code:    CodeInternal,
			Message: fmt.Sprintf("error detail of %d bytes is too long: %v", len(e.Detail), outer),
		}
	case outer.Error() != e.Error():
		return &Error{Code: e.Code, Message: outer.Error(), Detail: e.Detail}
	default:
		return e
	}
}

// cut gives at most n bytes of a text, whole characters, and valid UTF-8.
func cut(text string, n int) string {
	if len(text) > n {
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	return strings.ToValidUTF8(text, "?")
}
