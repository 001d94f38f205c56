// Package vectorfile keeps vectors in files: a chain of immutable ones, each with what a flush changed, which are
// merged geometrically in the background (docs/formats/vectors.md). The packages flat and vault are its readers and
// writers; it knows nothing of how they hold the vectors.
//
// A flush writes no more than what changed, for the state machine waits for it. Files that are kept mapped are read
// by many while a merge replaces them, and unmapped when the last reader has released them.
package vectorfile
