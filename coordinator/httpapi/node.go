package httpapi

import (
	"context"

	"sagasu/api"
)

// Node is what the API needs of a node. Its methods may be called concurrently. Errors: the sentinels of
// package api, *api.Problem, and those of the context; anything else is an internal error.
type Node interface {
	Indexes
	Documents
	Searches
	Cluster
	Aliases
	Settings
	Vectors
	Keys
	Jobs
	Snapshots
	Operating
	Register
	Reports
	// Ready gives nil when requests can be served, else an error that names what is missing.
	Ready(ctx context.Context) error
}

// Indexes manages indexes.
type Indexes interface {
	// CreateIndex returns api.ErrIndexExists, and a *api.Problem for a layout that can't be; numbers in it that
	// are 0 take the node's default.
	CreateIndex(ctx context.Context, name string, schema api.Schema, layout api.Layout) (api.IndexInfo, error)
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
	// Only selects the documents that may be written: neither what is written nor what is there before may be another
	// one; nil for all. A write that may not be has the status api.StatusError and a problem of status 403.
	Only api.Query
}

// Documents writes and reads documents.
type Documents interface {
	// Write applies writes in order and gives a result for each, durable and visible. If results come
	// with an error, the writes took place and only the wait failed.
	Write(ctx context.Context, index string, writes []api.Write, opts WriteOptions) ([]api.WriteResult, error)
	// Get gives a document, or a passage by its id. It returns api.ErrDocumentNotFound.
	Get(ctx context.Context, index, id string) (api.StoredDocument, error)
}

// Searches answers questions.
type Searches interface {
	Search(ctx context.Context, index string, req *api.SearchRequest) (*api.SearchResponse, error)
	// Count counts the documents that match q, all if it is nil.
	Count(ctx context.Context, index string, q api.Query) (int, error)
	// Analyze gives the tokens that an analyzer, one of api.Analyzers, makes of a text.
	Analyze(ctx context.Context, analyzer, text string) ([]api.Token, error)
}

// Settings are those that hold for all nodes.
type Settings interface {
	// Settings gives every setting and its value.
	Settings(ctx context.Context) (map[string]string, error)
	// PutSetting returns a *api.Problem for an unknown one, or a value it can't have.
	PutSetting(ctx context.Context, key, value string) error
}

// Cluster tells of the nodes and what they do.
type Cluster interface {
	// Cluster tells how the cluster is, as this node sees it.
	Cluster(ctx context.Context) (api.ClusterStatus, error)
	Nodes(ctx context.Context) ([]api.NodeInfo, error)
	// RemoveNode takes a node that is gone for good out of the metadata; with force also one whose replicas
	// are not yet rebuilt elsewhere.
	RemoveNode(ctx context.Context, id string, force bool) error
	// Shards tells of the shards of an index, of all indexes for "".
	Shards(ctx context.Context, index string) ([]api.ShardStatus, error)
}

// Aliases manages other names of indexes.
type Aliases interface {
	Aliases(ctx context.Context) ([]api.Alias, error)
	// PutAlias makes an alias, or moves it in one step. It returns api.ErrIndexNotFound, and api.ErrIndexExists
	// if an index has the name.
	PutAlias(ctx context.Context, name, index string) error
	DeleteAlias(ctx context.Context, name string) error
}
