package vault

const (
	// DefaultLimit bounds the vectors of a vault: at 10,000,000 it takes about a gigabyte of memory, and a shard
	// of that size is better split.
	DefaultLimit = 10_000_000
	// maxLimit is what the table of ids can take, with room to spare: 256 parts of 16,000,000.
	maxLimit = 1 << 31
	// stepRecords is the number of ids that a flush handles each time it holds the lock: some 50 microseconds.
	stepRecords = 512
	// changeBytes is what an unflushed vector takes beside its values, attributes and id, roughly.
	changeBytes = 256
)
