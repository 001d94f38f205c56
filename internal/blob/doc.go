// Package blob keeps objects, byte strings that never change, by name: in a directory or in an S3 store. It is what
// snapshots are written to. Everything that is read from it is held to a size and a SHA-256 that were known before.
package blob
