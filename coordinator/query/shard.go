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
}

// DenseRequest asks a shard for the documents nearest to a vector.
type DenseRequest struct {
	Vector []float32
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

// Embedder turns a query into a vector.
type Embedder interface {
	Embed(ctx context.Context, kind embedclient.Kind, texts []string) ([][]float32, error)
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
}
