package reorder

import "errors"

var (
	// ErrConfig is returned when a setting is out of its bounds.
	ErrConfig = errors.New("bad reorder configuration")
	// ErrAborted is returned when Config.Abort said so.
	ErrAborted = errors.New("reordering aborted")
)
