package dense

import (
	"context"
	"errors"
	"fmt"
)

// The errors that callers tell apart; more may be wrapped around them.
var (
	// ErrDimension is returned when a vector has another number of dimensions than the index; the
	// message names both.
	ErrDimension = errors.New("wrong number of dimensions")
	// ErrNotFinite is returned when a vector has no direction: it holds NaN or infinity, or is all zero.
	ErrNotFinite = errors.New("vector is zero or not finite")
	// ErrFull is returned when vectors would exceed the limit of an embedded index.
	ErrFull = errors.New("dense index is full")
	// ErrTooLarge is returned when the id, version or attributes of a vector exceed what the server takes.
	ErrTooLarge = errors.New("vector is too large")
	// ErrFilterUnsupported is returned when the index can't tell what a clause of a filter selects, as
	// with words of a text field; the message names the clause. The caller resolves such a filter to ids
	// first.
	ErrFilterUnsupported = errors.New("filter clause is not supported by the dense index")
	// ErrUnavailable is returned when the server can't be reached or refuses to work.
	ErrUnavailable = errors.New("dense index is unavailable")
	// ErrTimeout is returned when the call's time is over.
	ErrTimeout = errors.New("dense index did not answer in time")
	// ErrIncomplete is returned when the server gave no hit though vectors are there that must match.
	ErrIncomplete = errors.New("dense index gave an incomplete answer")
)

// ContextError gives a context's error, with ErrTimeout if its deadline passed; nil if it is not done.
func ContextError(ctx context.Context) error {
	err := ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}
