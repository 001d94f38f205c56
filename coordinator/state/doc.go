// Package state is the replicated metadata of a cluster as a pure value: which indexes there are, and
// with which schema. Commands come out of the consensus log and are applied one by one; everything a
// command needs (identifiers, times) is inside it, so that each node computes the same state. Nothing
// here reads a clock, a file or a random number.
package state
