package blob

import (
	"context"
	"errors"
)

var (
	// ErrNotFound is returned when there is no object of that name, or the store itself (directory, bucket) is not
	// there.
	ErrNotFound = errors.New("object not found")
	// ErrExists is returned when an object of that name is there already.
	ErrExists = errors.New("object exists already")
	// ErrContent is returned when an object, or what is to become one, does not have the size or the checksum it
	// should have.
	ErrContent = errors.New("object is not what it should be")
	// ErrTooLarge is returned when an object is larger than its reader allows.
	ErrTooLarge = errors.New("object too large")
	// ErrName is returned when a name is none that an object may have.
	ErrName = errors.New("invalid name of an object")
	// ErrDenied is returned when the store refuses the credentials, or what is asked with them.
	ErrDenied = errors.New("store refuses access")
	// ErrUnavailable is returned when the store can't be reached, is overloaded, or hangs; later it may do.
	ErrUnavailable = errors.New("store unavailable")
	// ErrFull is returned when the store has no room left.
	ErrFull = errors.New("store is full")
	// ErrConfig is returned when a store is configured in a way that can't be.
	ErrConfig = errors.New("invalid configuration of a store")
)

// known reports whether an error has one of the meanings above, or is the caller's leaving.
func known(err error) bool {
	for _, is := range []error{
		ErrNotFound, ErrExists, ErrContent, ErrTooLarge, ErrName, ErrDenied, ErrUnavailable, ErrFull, ErrConfig,
		context.Canceled,
	} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}
