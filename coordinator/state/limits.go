package state

import "sagasu/api"

// Limits of the metadata, which every node holds in memory and every gateway fetches as a whole. Together
// they keep its encoding around 60 MB, below what one frame between nodes carries. They decide what becomes
// of a command, so they change only with a new feature level. Commands of version 1 are from before them.
const (
	// Slots is the number of slots that documents are hashed to; it can never change, for a document is
	// found by its slot.
	Slots = api.Slots
	// MaxIndexes bounds the indexes: each costs at least a raft group, and changes copy their list.
	MaxIndexes = 10_000
	// MaxShards bounds the shards of all indexes together: every replica of one is a raft group.
	MaxShards = 50_000
	// MaxFields bounds the fields of all schemas together.
	MaxFields = 100_000
	// MaxReplicas bounds the copies of a shard: an odd handful is what majorities are good for.
	MaxReplicas = 7
	// MaxNodes bounds the registered nodes, well above what gossip is used for.
	MaxNodes = 1_000
	// MaxAliases bounds the aliases, at one per index on the average.
	MaxAliases = 10_000
	// MaxOperations bounds the operations, those under way and the ended ones that are kept.
	MaxOperations = 1_000
	// MaxTogether bounds an operation and its parts: what an operator can read, and leaves room for others.
	MaxTogether = 256
	// MaxRetired bounds the generations of vectors of an index that wait to be dropped. There are several only while
	// the server that keeps them is away.
	MaxRetired = 8
	// MaxLeftovers bounds the deleted indexes whose collections wait to be dropped: as many as there may be indexes.
	MaxLeftovers = MaxIndexes
	// MaxKeys and MaxAccessRoles bound the keys and the roles, MaxAccessBytes what each of them takes, in bytes of JSON:
	// a cluster with more callers gives them tokens of an issuer.
	MaxKeys        = 2_000
	MaxAccessRoles = 500
	MaxAccessBytes = 8 << 10
	// MaxRepositories and MaxSchedules bound what snapshots are kept in, and taken by.
	MaxRepositories = 100
	MaxSchedules    = 100
	// MaxSnapshots bounds the snapshots that are known: an hourly one for a month and a daily one for half a year.
	MaxSnapshots = 1_000
	// MaxSelected bounds the indexes that a snapshot names, and the aliases that a restore makes.
	MaxSelected = 100
	// MaxPathBytes bounds the path of a directory.
	MaxPathBytes = 1024
	// MaxNameBytes bounds the name of an index or alias, as api.MaxFieldNameBytes does for clients.
	MaxNameBytes = 128
	// MaxIDBytes bounds the ids of clusters, nodes, instances, indexes and operations: they are names of
	// directories and values of metrics.
	MaxIDBytes = 64
	// MaxAddressBytes bounds an address, a zone or a version: a DNS name and a port.
	MaxAddressBytes = 261
	// MaxTextBytes bounds the reason and the error of an operation; what is longer is cut.
	MaxTextBytes = 2048
)
