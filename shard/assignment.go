package shard

import "sagasu/api"

// Assignment is a shard as the metadata describes it to a node that is to hold a replica of it.
type Assignment struct {
	// Shard names the shard, its group and its directory.
	Shard string
	// Index is the name of the index it is a part of.
	Index  string
	Schema api.Schema
	// Epoch grows with every change of Nodes and of the documents that belong to the shard.
	Epoch uint64
	// Nodes are to hold a replica each.
	Nodes []string
	// Founded says that the group exists: an empty replica must then not found it again.
	Founded bool
}
