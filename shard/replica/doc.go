// Package replica is one replica of one shard: a consensus group whose state machine applies write
// batches to the sparse index and vectors to the dense index. Concurrent writes share one log entry
// (group commit); an acknowledged write is durable and visible. While the replica leads, a worker tails
// the applied documents, embeds them and commits their vectors: the log is the outbox of the dense
// leg. docs/formats/commands.md describes the log entries.
package replica
