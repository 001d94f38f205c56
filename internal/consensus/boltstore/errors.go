package boltstore

import "errors"

var (
	// ErrLocked is returned when another process, or another Store of this one, has the directory open.
	ErrLocked = errors.New("raft log is in use by another process")
	// ErrCorrupt is returned when the file, an entry or a stable value fails its checks.
	ErrCorrupt = errors.New("raft log is corrupt")
	// ErrVersion is returned when the file was written by a newer format version than this one reads.
	ErrVersion = errors.New("raft log has a newer format version")
	// ErrGap is returned when entries are not stored right after the last one, or when deleting them would leave
	// a hole.
	ErrGap = errors.New("raft log would not be contiguous")
	// ErrTooLarge is returned when an entry exceeds MaxEntry.
	ErrTooLarge = errors.New("raft log entry is too large")
	// ErrFailed is returned by every write after one has failed: what is on disk is unknown until the file is
	// opened and checked again.
	ErrFailed = errors.New("raft log failed and accepts no more writes")
)
