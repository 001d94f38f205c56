// Package boltstore keeps a raft log, the current term and the vote in one bbolt file.
//
// It differs from the stock store in what it promises: an entry, a term and a vote carry checksums; the vote's
// term and candidate are written in one transaction; the log is contiguous and says so (IsMonotonic); a failed
// write is final, because what a failed fsync left on disk is unknown; and a damaged file is an error that names
// the file and the index, not a panic. The layout is described in docs/formats/raft-log.md.
package boltstore
