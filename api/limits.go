package api

import "time"

// Limits on what a client may send. Each is a default; what is settable is settable in the
// configuration of the room that enforces it.
const (
	// MaxIDBytes bounds a document id: ids are keys of the id index and travel with every hit.
	MaxIDBytes = 512
	// MaxFieldNameBytes bounds the name of a field or an index.
	MaxFieldNameBytes = 128
	// MaxFields bounds the fields of one schema: each costs a section in every segment.
	MaxFields = 1024
	// MaxKeywordBytes bounds one keyword value; longer ones belong into a text field.
	MaxKeywordBytes = 8191
	// MaxSparseDims bounds the entries of one sparse vector.
	MaxSparseDims = 4096
	// MaxDenseDims bounds the dimensions of a dense vector, as Milvus does.
	MaxDenseDims = 32768
	// MaxQueryTerms bounds the terms of one query after analysis.
	MaxQueryTerms = 1024
	// MaxQueryDepth bounds the nesting of bool queries: the parser and the planner recurse.
	MaxQueryDepth = 20
	// MaxFilterClauses bounds the clauses of one filter.
	MaxFilterClauses = 1024
	// MaxResultWindow bounds from + size: deeper pages need a cursor.
	MaxResultWindow = 10_000
	// MaxSequences bounds the sequence tokens of a search: one for each shard of a large index.
	MaxSequences = 1024
	// MaxShards bounds the shards of an index: a search asks every one of them.
	MaxShards = 1024
	// MaxReplicas bounds the copies of a shard: an odd handful is what majorities are good for.
	MaxReplicas = 7
	// MaxAskedBytes bounds what is kept of a query for logs, in bytes.
	MaxAskedBytes = 1024
	// MaxSearchBody bounds the body of a search, in bytes.
	MaxSearchBody = 1 << 20
	// MaxBulkLine bounds one document, in bytes; a bulk body as a whole is streamed, not bounded.
	MaxBulkLine = 16 << 20
	// DefaultSize is the number of hits of a search that names none.
	DefaultSize = 10
	// DefaultCount is up to how many matches a search counts that does not say: few people look beyond, and counting
	// all of many takes longer than finding the best of them.
	DefaultCount = 10_000
	// DefaultSearchTimeout bounds a search that names no timeout.
	DefaultSearchTimeout = 2 * time.Second
	// MaxSearchTimeout bounds the timeout a search can ask for: it holds a place in the admission queue.
	MaxSearchTimeout = 60 * time.Second
	// MaxDifferenceIDs bounds the ids that a report names of each difference.
	MaxDifferenceIDs = 100
	// MaxFusionWindow bounds fusion.window: it is what the default gives for the deepest page.
	MaxFusionWindow = 4 * MaxResultWindow
	// DefaultFusionK is the k of reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009).
	DefaultFusionK = 60
	// MaxBoost bounds a boost: MaxQueryDepth of them multiplied leave every score finite.
	MaxBoost = 1e9
	// MaxFusionWeight bounds the weight of a leg, as fusion does.
	MaxFusionWeight = 1e12
	// MaxFusionK bounds fusion.k: beyond it, neighbouring ranks differ by less than a float can tell.
	MaxFusionK = 1_000_000
	// MaxPassages bounds the passages of one document: they are written, and read, together.
	MaxPassages = 10_000
	// MaxPassageBytes bounds the sources and ids of all passages of one document, in bytes: they are one entry of a
	// log, of 48 MiB at most, and what of a text can't be shared with the source is in it twice. Overlaps count twice,
	// and what is not split counts once for each passage.
	MaxPassageBytes = 20 << 20
	// MaxCollapsed bounds the passages that a search shows of one document.
	MaxCollapsed = 100
	// DefaultCollapsed is how many it shows if it does not say.
	DefaultCollapsed = 3
	// MaxNeighbours bounds the passages on each side whose text a search shows beside a hit.
	MaxNeighbours = 10
)

// Limits of Milvus, as its manual gives them.
const (
	maxGraphDegree     = 2_048
	maxGraphCandidates = 32_768
	maxClusters        = 65_536
	maxSearchList      = 65_535
)

// A passage is at least a short sentence, so that a document does not become thousands, and at most a chapter.
const (
	minPassageSize = 16
	maxPassageSize = 100_000
	// maxPassageSuffix is the most that the id of a passage has in bytes beyond its document's: "#9999".
	maxPassageSuffix = 5
)
