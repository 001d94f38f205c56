// Package snapshots keeps copies of indexes outside of the cluster: it takes a cut of their metadata, shards and vectors,
// brings what a repository does not have yet there, and fills new indexes from it. docs/formats/snapshot.md has the
// layout of a repository.
package snapshots
