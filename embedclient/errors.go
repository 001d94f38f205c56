package embedclient

import (
	"errors"
	"fmt"
)

var (
	// ErrUnavailable is returned when the service can't be reached, answers with a server error, is
	// overloaded, refuses this client altogether (401, 403, 404, 405, a redirect), or when the circuit
	// breaker is open. Trying again later may help, the text is not at fault.
	ErrUnavailable = errors.New("embedding service unavailable")
	// ErrTimeout is returned when the service does not answer in time, or when the caller's deadline
	// passes first.
	ErrTimeout = errors.New("embedding service timed out")
	// ErrRejected is returned when the service refuses the text (400, 413, 422 and the like) or the
	// text is not valid UTF-8. Trying again does not help. The message has the status and the
	// service's own message.
	ErrRejected = errors.New("text rejected")
	// ErrBadResponse is returned when an answer is malformed, has the wrong number of vectors, vectors
	// of wrong dimensions, values that are not finite, or is too large.
	ErrBadResponse = errors.New("bad response of the embedding service")
	// ErrBadConfig is returned when a setting is missing or out of its range; the message names it.
	ErrBadConfig = errors.New("bad embedding configuration")
	// ErrBadKind is returned when the kind of the texts is neither Query nor Passage.
	ErrBadKind = errors.New("bad kind of text")
	// ErrUnsupported is returned when the protocol has no call for what is asked, as the OpenAI
	// protocol has none for sparse vectors.
	ErrUnsupported = errors.New("not supported by the embedding protocol")
	// ErrNoService is returned when no service is configured for a model. It is an ErrUnavailable.
	ErrNoService = fmt.Errorf("no embedding service: %w", ErrUnavailable)
	// ErrClosed is returned when the client has been closed.
	ErrClosed = errors.New("embedding client closed")
)

// BatchError tells which texts of a call failed. errors.Is and errors.As look into all of them.
type BatchError struct {
	// Errs is parallel to the texts: nil where the vector is fine.
	Errs []error
}

// Error tells how many texts failed, and the first failure.
func (e *BatchError) Error() string {
	failed, first := 0, -1
	for i, err := range e.Errs {
		if err == nil {
			continue
		}
		if failed++; first < 0 {
			first = i
		}
	}
	if first < 0 {
		return "no text failed"
	}
	return fmt.Sprintf("%d of %d texts failed, the first at %d: %v", failed, len(e.Errs), first, e.Errs[first])
}

// Unwrap returns the failures.
func (e *BatchError) Unwrap() []error {
	failures := make([]error, 0, len(e.Errs))
	for _, err := range e.Errs {
		if err != nil {
			failures = append(failures, err)
		}
	}
	return failures
}

// joined returns what a call reports for the errors of its texts: nil, the one text's, or a BatchError.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	for _, err := range errs {
		if err != nil {
			return &BatchError{Errs: errs}
		}
	}
	return nil
}
