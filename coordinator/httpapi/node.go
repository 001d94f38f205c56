package httpapi

import (
	"context"

	"sagasu/api"
	"sagasu/sparse"
)

// Node is what the API needs of a node. Its methods may be called concurrently. Errors: the sentinels of
// package api, *api.Problem, and those of the context; anything else is an internal error.
type Node interface {
	Indexes
	Documents
	Searches
	// Ready gives nil when requests can be served, else an error that names what is missing.
	Ready(ctx context.Context) error
}

// Indexes manages indexes.
type Indexes interface {
	// CreateIndex returns api.ErrIndexExists.
	CreateIndex(ctx context.Context, name string, schema api.Schema) error
	// DeleteIndex returns api.ErrIndexNotFound.
	DeleteIndex(ctx context.Context, name string) error
	// GetIndex returns api.ErrIndexNotFound.
	GetIndex(ctx context.Context, name string) (api.IndexInfo, error)
	// ListIndexes gives all indexes, by name.
	ListIndexes(ctx context.Context) ([]api.IndexInfo, error)
	// Schema gives an index's schema, which nobody changes; it is asked for on every request, so it must
	// be cheap. It returns api.ErrIndexNotFound.
	Schema(name string) (*api.Schema, error)
}

// WriteOptions say when a write is done.
type WriteOptions struct {
	// WaitDense waits until the documents' vectors can be found as well.
	WaitDense bool
}

// Documents writes and reads documents.
type Documents interface {
	// Write applies writes in order and gives a result for each, durable and visible. If results come
	// with an error, the writes took place and only the wait failed.
	Write(ctx context.Context, index string, writes []api.Write, opts WriteOptions) ([]api.WriteResult, error)
	// Get returns api.ErrDocumentNotFound.
	Get(ctx context.Context, index, id string) (sparse.Stored, error)
}

// Searches answers questions.
type Searches interface {
	Search(ctx context.Context, index string, req *api.SearchRequest) (*api.SearchResponse, error)
	// Count counts the documents that match q, all if it is nil.
	Count(ctx context.Context, index string, q api.Query) (int, error)
	// Analyze gives the tokens that an analyzer, one of api.Analyzers, makes of a text.
	Analyze(ctx context.Context, analyzer, text string) ([]api.Token, error)
}
