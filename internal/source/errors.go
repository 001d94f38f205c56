package source

import "errors"

var (
	// ErrTooLarge is returned for a file, a line or a row that is more than one document may be.
	ErrTooLarge = errors.New("too large for one document")
	// ErrEncoding is returned for text that is not in the encoding that the file is in.
	ErrEncoding = errors.New("bad encoding")
	// ErrFormat is returned for what does not have the form that the name of the file promises.
	ErrFormat = errors.New("malformed")
	// ErrGlob is returned for a pattern that can't be.
	ErrGlob = errors.New("malformed pattern")
)
