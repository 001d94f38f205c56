// Package vectorfile keeps vectors in files: a chain of immutable ones, each with what some flushes changed,
// which is merged geometrically (docs/formats/vectors.md). The packages flat and vault are its readers and
// writers; it knows nothing of how they hold the vectors between flushes.
//
// A Chain is not for concurrent use, but for the files it keeps mapped: they are read by many while a flush
// replaces them, and unmapped when the last reader has released them.
package vectorfile
