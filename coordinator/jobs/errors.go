package jobs

import "errors"

var (
	// ErrConfig is returned for a configuration that can't work.
	ErrConfig = errors.New("invalid configuration of jobs")
	// ErrTooLarge is returned when a body has more bytes than a job may have.
	ErrTooLarge = errors.New("body is too large for a job")
	// ErrNoRoom is returned when the disk has no room for a body.
	ErrNoRoom = errors.New("no room on the disk for the job")
	// ErrTooMany is returned when as many jobs wait or run as the node takes.
	ErrTooMany = errors.New("too many jobs")
	// ErrBody is returned when the body could not be read to its end.
	ErrBody = errors.New("the body breaks off")
	// ErrNotFound is returned when the node has no job of that id.
	ErrNotFound = errors.New("no such job on this node")
	// ErrEnded is returned when a job to be cancelled has ended.
	ErrEnded = errors.New("job has ended")
	// ErrDamaged is returned when a file of a job is not what was written.
	ErrDamaged = errors.New("job is damaged")
	// ErrNewerFormat is returned when a job was kept by a newer version than this one.
	ErrNewerFormat = errors.New("job of a newer format")
	// ErrClosed is returned when the node is closing.
	ErrClosed = errors.New("jobs are closed")
)
