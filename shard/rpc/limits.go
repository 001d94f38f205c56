package rpc

import "sagasu/api"

const (
	// MaxBody bounds the body of a call or an answer, in bytes: the layer below carries 80 MiB, for the
	// largest entry of a log, and a write of the largest document with its values is half of it.
	MaxBody = 64 << 20
	// MaxWrites bounds the writes of one call: as many as a replica lets wait.
	MaxWrites = 16_384
	// MaxIDs bounds the ids of one fetch: the widest window of a search.
	MaxIDs = api.MaxFusionWindow
	// MaxKeys bounds the keys of one answer: with ids of the greatest length and reasons they fit into a body.
	MaxKeys = 10_000
	// maxGenerations bounds the generations of vectors that an answer tells of: an index has one, or two while its
	// model is changed, and may be dropping some.
	maxGenerations = 64
	// MaxTerms bounds the terms whose frequencies one call asks for or brings: a query has at most
	// api.MaxQueryTerms.
	MaxTerms = 4 * api.MaxQueryTerms
	// MaxPiece bounds what one call reads of a file, in bytes: a lane of transfers carries a few pieces at a
	// time, and each is in memory on both sides.
	MaxPiece = 1 << 20
	// MaxFiles bounds the files of a checkpoint: an index has some hundreds.
	MaxFiles = 65_536
	// maxDepth bounds the nesting of a query: what the parser lets through, and the bool around a filter.
	maxDepth = api.MaxQueryDepth + 2
	// maxParts bounds the nodes, values, ids and fields of the queries of a call: a search can't hold more, as
	// the least of them takes four bytes of its body.
	maxParts = api.MaxSearchBody / 4
	// maxNameBytes bounds names of shards, nodes and sessions, and paths of files.
	maxNameBytes = 512
	// maxMessageBytes bounds the text of an error.
	maxMessageBytes = 4 << 10

	// fetchChunk is how many documents the server asks of a replica at once, and fetchBytes the size from
	// which it sends what it has: the largest documents must not fill the memory of either side. The client
	// asks again for the rest.
	fetchChunk = 32
	fetchBytes = 16 << 20
)
