package catalog

import "time"

// Limits of what a catalog takes and gives.
const (
	// MaxBatch bounds the entries of a batch: they are one transaction, and held in memory twice.
	MaxBatch = 50_000
	// MaxEvents bounds the events of one append, for the same reason.
	MaxEvents = 50_000
	// DefaultPage and MaxPage bound a page of a listing.
	DefaultPage = 100
	MaxPage     = 1_000
	// MaxKeys bounds the keys of one call: verifying reads in large steps, and holds one step of each store.
	MaxKeys = 50_000
	// MaxJobItems bounds the items that are kept of a job: who has more than that looks at the input, not at each.
	MaxJobItems = 1_000
	// MaxTop bounds the rows of a ranking.
	MaxTop = 1_000
	// MaxSpan bounds what analytics look at: two years, so that hours stay few enough for an answer.
	MaxSpan = 2 * 366 * 24 * time.Hour
	// MaxErrorBytes bounds reasons and details; what is longer is cut.
	MaxErrorBytes = 2_048
	// MaxQueryBytes bounds the text of a search that is kept; what is longer is cut.
	MaxQueryBytes = 1_024
	// MaxNameBytes bounds names: of indexes, shards, sources, actions. An entry of a B-tree must fit into a third of a
	// page of 8 KiB, together with an id of api.MaxIDBytes.
	MaxNameBytes = 1_024
	// MaxDegraded bounds the reasons kept of a search; there are fewer in the closed list.
	MaxDegraded = 16
	// MaxAhead bounds how far in the future a logged event may be: clocks differ by less.
	MaxAhead = 24 * time.Hour
)
