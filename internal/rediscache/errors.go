package rediscache

import "errors"

var (
	// ErrConfig is returned when a setting is missing or out of range.
	ErrConfig = errors.New("bad cache configuration")
	// ErrTooLarge is returned for the state of a cursor that is larger than one may be.
	ErrTooLarge = errors.New("too large to be kept")
)

// errDamaged is returned for a value that is not one of ours, or of another key, or has changed on its way.
var errDamaged = errors.New("damaged value")
