package blob

import "time"

const (
	// MaxNameBytes bounds a name; with a prefix it stays far below the 1,024 bytes of S3 and the 255 bytes that
	// file systems allow an element.
	MaxNameBytes = 200
	// maxElements bounds how deep directories are nested.
	maxElements = 8

	// partBytes is the part size of large uploads, each of which is held in memory; what is not larger is sent as one.
	partBytes = 16 << 20
	// maxParts is below what S3 allows, 10,000; larger objects have larger parts.
	maxParts = 9_000

	// DefaultTries is how often a call is made in all before it is given up.
	DefaultTries = 4
	// DefaultPause is the rest before the second try; it doubles with each.
	DefaultPause = 500 * time.Millisecond
	// DefaultStall is how long a call may go without moving a byte: longer than the 20 s that stores take at their
	// worst, short enough for somebody who watches.
	DefaultStall = 30 * time.Second

	// chunkBytes is what a guarded reader asks for at a time.
	chunkBytes = 256 << 10
	// walkBatch is how many entries of a directory are read at a time.
	walkBatch = 1024
)
