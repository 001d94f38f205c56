// Package shard hosts the replicas of one node: it opens and closes them as the metadata says, brings the
// membership of the groups they lead to what the metadata wants, and answers other nodes' calls to them.
// DESIGN.md tells the flow and the locks.
package shard
