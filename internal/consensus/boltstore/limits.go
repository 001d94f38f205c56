package boltstore

const (
	// FormatVersion is the newest layout this package reads, and the one it writes.
	FormatVersion = 1
	// MaxEntry bounds data plus extensions of one entry, in bytes. bbolt would take 2 GiB; a replica that has to
	// hold such an entry in memory several times over while it replicates would not.
	MaxEntry = 128 << 20
	// deleteChunk is the number of entries deleted in one transaction: bbolt has one writer, so that a long
	// deletion would hold up appending.
	deleteChunk = 1024
	// fillPercent is how full bbolt packs pages on a split: keys only grow, pages never need room in the middle.
	fillPercent = 0.95
	// maxDepth bounds the height of a page tree; with two keys a page it is more pages than a file can have.
	maxDepth = 64
)
