package vectorfile

import "errors"

// The errors of the files, beside those of package dense.
var (
	// ErrCorrupt is returned when a file is damaged or missing; the message names it.
	ErrCorrupt = errors.New("vector file is corrupt")
	// ErrVersion is returned when a file was written by a newer build; the message names it.
	ErrVersion = errors.New("vector file has a newer format version")
	// ErrClosed is returned when a chain is used after Close.
	ErrClosed = errors.New("the index is closed")
)

// errShort is why a payload is refused that ends early or goes on.
var errShort = errors.New("lengths don't add up")
