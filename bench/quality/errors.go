package quality

import "errors"

var (
	// ErrFormat is returned when a file of a collection is not of the format the package describes; the
	// message names the file and the line.
	ErrFormat = errors.New("bad collection")
	// ErrVectors is returned when a file of vectors does not agree with vectors.json, or holds a value
	// that is no finite number.
	ErrVectors = errors.New("bad vectors")
)
