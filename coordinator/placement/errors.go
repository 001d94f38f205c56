package placement

import "errors"

// ErrNoNodes is returned when no node is alive that could hold a replica.
var ErrNoNodes = errors.New("no node is alive that can hold a replica")
