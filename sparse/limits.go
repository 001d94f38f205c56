package sparse

const (
	// defaultFlushBytes is the size of the mutable segment at which it is written: segments start
	// large enough that a million documents merge few times, and small enough that a node with little
	// data stays under 150 MB.
	defaultFlushBytes = 24 << 20
	// maxPending bounds the frozen segments that wait to be written; Apply waits beyond.
	maxPending = 3
	// maxManifest bounds the manifest that is read: deletions of 100 million documents fit.
	maxManifest = 1 << 30
)
