package shard

import (
	"sagasu/api"
	"sagasu/shard/replica"
)

// Assignment is a shard as the metadata describes it to a node that is to hold a replica of it.
type Assignment struct {
	// Shard names the shard, its group and its directory.
	Shard string
	// Index is the name of the index it is a part of, IndexID its UUID.
	Index, IndexID string
	// Schema is the index's. Its Dense is the generation of vectors that searches ask.
	Schema api.Schema
	// Next is the generation that is filled beside it; nil for none. Retired are the numbers of those which are
	// dropped: what the replica has of them goes, but for those in Resting, which searches may still ask.
	Next    *api.DenseConfig
	Retired []int
	Resting []int
	// From and To are the slots of the shard, the latter exclusive; both 0 stand for all.
	From, To int
	// Mixed says that replicas may be on nodes of an earlier version, which can't read what the workers of the
	// dense leg and the catalog write into the log: they rest until that is over.
	Mixed bool
	// Epoch grows with every change of Nodes and of the documents that belong to the shard.
	Epoch uint64
	// Nodes are to hold a replica each, that which is being made, or about to go, included.
	Nodes []string
	// Yielding are the nodes that are not to lead if another can.
	Yielding []string
	// CopyBytesPerSecond bounds the copying of another node's files to this one, 0 for no bound of its own; with
	// CopyPaused it rests.
	CopyBytesPerSecond uint64
	CopyPaused         bool
	// Seed says that the shard is being restored: the first of Nodes founds its group, alone, with files that
	// Config.Seed fetches.
	Seed bool
	// Founded says that the group exists: an empty replica must then not found it again.
	Founded bool
}

// vectors is what the assignment says of vectors.
func (a *Assignment) vectors() replica.Wanted {
	return replica.Wanted{
		Dense: a.Schema.Dense, Next: a.Next, Retired: a.Retired, Resting: a.Resting, From: a.From, To: a.To,
		Mixed: a.Mixed,
	}
}
