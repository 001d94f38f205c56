package sparse

const (
	// defaultFlushBytes is the size of the mutable segment at which it is written: segments start
	// large enough that a million documents merge few times, and small enough that a node with little
	// data stays under 150 MB.
	defaultFlushBytes = 32 << 20
	// maxPending bounds the frozen segments that wait to be written; Apply waits beyond.
	maxPending = 3
	// maxPendingFactor times FlushBytes bounds their size: a document of 16 MiB of distinct words takes
	// hundreds of megabytes in memory, and there must not be several of them.
	maxPendingFactor = 3
	// keyBytes is what a key costs in the mutable segment: its postings, four small slices, a place in the
	// map. tokenBytes is a token's share of the slices as they grow.
	keyBytes   = 256
	tokenBytes = 24
	// maxManifest bounds the manifest that is read: deletions of 100 million documents fit.
	maxManifest = 1 << 30
)
