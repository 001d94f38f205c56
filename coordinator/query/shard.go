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
	// SearchSparse gives the exact best documents of the lexical leg.
	SearchSparse(ctx context.Context, req sparse.Request) (sparse.TopDocs, error)
	// SearchDense gives the nearest documents, each of its present version.
	SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error)
	// Fetch gives stored documents in the order of ids; those that are gone are left out.
	Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error)
	// Count gives the exact number of documents that match q; nil matches all.
	Count(ctx context.Context, q api.Query) (int, error)
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

// Target is the index that a search is for.
type Target struct {
	Name   string
	Schema *api.Schema
	// Shards hold disjoint parts of the documents; at least one.
	Shards []Shard
}
