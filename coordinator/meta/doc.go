// Package meta is the metadata as a node of a cluster has it: a coordinator serves and changes it through
// its raft group, every other node follows it by a long poll and goes on with the last version it holds
// when no coordinator answers.
package meta
