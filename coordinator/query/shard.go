package query

import (
	"context"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// Shard is what a search needs of one shard; a local replica, a remote one and a fake satisfy it. Its
// methods may be called concurrently.
type Shard interface {
	// SearchSparse gives the exact best documents of the lexical leg, and the shard's own statistics of the
	// terms in want; none if want is empty.
	SearchSparse(ctx context.Context, req sparse.Request, want []sparse.TermKey) (
		sparse.TopDocs, sparse.Statistics, error)
	// SearchDense gives the nearest documents, each of its present version.
	SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error)
	// Fetch gives stored documents in the order of ids; those that are gone are left out.
	Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error)
	// Count gives the exact number of documents that match q; nil matches all.
	Count(ctx context.Context, q api.Query) (int, error)
	// Statistics gives the shard's own statistics of its text fields and of the terms.
	Statistics(ctx context.Context, terms []sparse.TermKey) (sparse.Statistics, error)
	Resolver
}

// Resolver tells of a shard's documents, for hits and filters that are not its own.
type Resolver interface {
	// Current gives the present versions of documents, and how many wait for their vectors of a generation.
	Current(ctx context.Context, ids []string, generation int) (Presence, error)
	// SelectIDs gives the ids of the documents that a filter selects; an error that is
	// dense.ErrFilterUnsupported if they are more than limit.
	SelectIDs(ctx context.Context, filter api.Query, limit int) ([]string, error)
	// Position tells by what the shard answers; it costs next to nothing. Positions that are the same before and after
	// other calls are those that these were answered by.
	Position(ctx context.Context) (Position, error)
}

// Presence is what a shard has of some documents.
type Presence struct {
	// Versions are parallel to the ids asked for, 0 for one that is not there.
	Versions []uint64
	// Lag is the number of documents that wait for their vectors.
	Lag int
}

// Position changes whenever an answer of the shard may; copies of equal positions answer alike.
type Position struct {
	// Version is the last version given to a document or a delete.
	Version uint64
	// Dense is the log index of the last entry that changed what the dense leg finds.
	Dense uint64
}

// DenseRequest asks a shard for the documents nearest to a vector.
type DenseRequest struct {
	// Generation is that of the vectors to be searched: of the model that made Vector.
	Generation int
	Vector     []float32
	// K is the number of hits wanted.
	K int
	// Filter restricts the documents; nil for none.
	Filter api.Query
}

// DenseResult is a shard's answer to a DenseRequest.
type DenseResult struct {
	// Hits, best first, at most K; each is of the document's present version.
	Hits []dense.Hit
	// Lag is the number of documents that wait for their vectors.
	Lag int
	// Total is the number of vectors the shard holds, before the filter.
	Total int
}

// Embedders finds embedding services; *embedclient.Services satisfies it.
type Embedders interface {
	// For gives the service that has a model; an error says why there is none.
	For(model string) (embedclient.Embedder, error)
}

// Vectors finds vectors of one generation for all shards of an index; dense.Collection satisfies it.
type Vectors interface {
	// Search gives the nearest vectors, best first, at most q.K, each id once. Errors are those of dense.Index.
	Search(ctx context.Context, q dense.Query) ([]dense.Hit, error)
}

// Terms tells which terms a query is scored by; *sparse.Vocabulary satisfies it.
type Terms interface {
	// Terms gives the distinct terms. Errors: sparse.ErrQuery.
	Terms(q api.Query) ([]sparse.TermKey, error)
}

// Target is the index that a search is for.
type Target struct {
	Name string
	// ID tells the index from all others, also from earlier ones of its name.
	ID     string
	Schema *api.Schema
	// Terms is required if there are several shards.
	Terms Terms
	// Shards hold disjoint parts of the documents; at least one. Those of one index come in one order.
	Shards []Shard
	// Owner gives the position in Shards of the one that a document belongs to; required if there are several.
	Owner func(id string) int
	// Seen are the log indexes that the shards must have applied, by position in Shards: searches that differ in it
	// do not share a run.
	Seen []uint64
	// Access stands for what the caller may see: who may see different things are not given each other's answers.
	Access string
	// Vectors finds the vectors of Schema.Dense.Generation; nil if each shard finds its own.
	Vectors Vectors
}
