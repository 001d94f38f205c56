// Package consensus is the one wrapper on hashicorp/raft. It runs a replica of a raft group over a persistent state
// machine and closes what the library leaves open: heartbeats go through raft's own loop, term and vote are
// written together, a snapshot that never helps ends the replica, a stalled disk costs the leadership, a failed
// fsync is final, and replicas whose states differ stop. docs/adr/0002-consensus.md tells of each.
//
// Goroutines: raft applies commands from one goroutine of its own, which alone touches the machine's Apply and Hash;
// Persist runs on raft's snapshot goroutine. Time comes from the time package, as raft's does, so that tests run a
// group under testing/synctest.
package consensus
