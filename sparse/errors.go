package sparse

import "errors"

var (
	// ErrQuery is returned when a query does not fit the schema.
	ErrQuery = errors.New("invalid query")
	// ErrCorrupt is returned when the manifest is not what was written; segments give segment.ErrCorrupt.
	ErrCorrupt = errors.New("corrupt index")
	// ErrNewerFormat is returned when the manifest was written by a newer version of sagasu.
	ErrNewerFormat = errors.New("index of a newer format")
	// ErrSchema is returned when an index is opened with another schema than it was made with.
	ErrSchema = errors.New("index has another schema")
	// ErrTooMany is returned when more documents match than the caller is ready for.
	ErrTooMany = errors.New("too many matching documents")
	// ErrClosed is returned when the index has been closed.
	ErrClosed = errors.New("index is closed")
)
