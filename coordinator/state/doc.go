// Package state is the replicated metadata of a cluster as a pure value: its nodes, indexes, shards and
// where their replicas belong, aliases, operations and settings. Commands come out of the consensus log
// and are applied one by one; everything a command needs (identifiers, times) is inside it, so that each
// node computes the same state. Nothing here reads a clock, a file or a random number.
//
// What a build accepts is part of what the log means: two builds that judged one command differently
// would have different states. So limits, known settings, roles and states of operations change only
// together with a new feature level (see Level), which is reached when every node can follow.
package state
