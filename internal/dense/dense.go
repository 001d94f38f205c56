// Package dense says what an index of dense vectors is. The packages flat (embedded, exact) and milvus
// (a Milvus server, HNSW) implement it, and densetest holds both to one conformance suite.
//
// Vectors are compared by cosine similarity. Each carries the version of the document it was made from,
// so that a vector that comes late never replaces that of a newer text, and the values of the document's
// filterable fields, so that a filter selects here what it selects in the sparse index.
package dense

import (
	"context"

	"sagasu/api"
)

// Vector is one document's vector.
type Vector struct {
	// ID is the document's id, 1 to api.MaxIDBytes bytes of valid UTF-8.
	ID string
	// Version is the document's version that the vector was made from.
	Version uint64
	// Slot is that of the document (api.SlotOf of its routing key).
	Slot uint16
	// Digest is that of the text which the vector was made from; zero for one that the client brought.
	Digest [16]byte
	// Values has the index's number of dimensions, all finite, not all zero; any length.
	Values []float32
	// Attributes are the values of the document's filterable fields (see Filterable), ascending by
	// field. The index owns them after the call.
	Attributes []api.Value
}

// Key names a document's vector up to a version.
type Key struct {
	ID      string
	Version uint64
}

// Query asks for the vectors most similar to one.
type Query struct {
	// Vector has the index's number of dimensions, all finite, not all zero; any length.
	Vector []float32
	// K is the number of hits wanted; with 0 or less there are none.
	K int
	// Filter restricts the documents; nil for all of them.
	Filter api.Query
}

// Hit is one similar document.
type Hit struct {
	ID string
	// Version is that of the vector found.
	Version uint64
	// Score is the cosine similarity, -1 to 1 up to rounding.
	Score float32
}

// Collection is a dense index outside of this process, which several writers share: each document has one at
// a time, but a former one may still be at work. So Upsert and Delete of one document commute: of several
// versions of one document the index may hold all for a while, and Search may find any of them.
type Collection interface {
	Index
	// Scan calls visit for every vector of the slots from, to exclusive; in no order. Documents of which
	// several versions are stored come once for each. An error of visit ends it and is returned.
	Scan(ctx context.Context, from, to int, visit func(Key) error) error
	// Identity tells this collection from an earlier one of its name, which held other vectors.
	Identity(ctx context.Context) (string, error)
}

// Index is an index of dense vectors with a fixed number of dimensions. Its methods may be called
// concurrently. What a call stored or removed is seen by the searches that begin after it returned.
type Index interface {
	// Upsert stores vectors, replacing older versions of the same id; a vector with a version lower
	// than the stored one is ignored. Deletes leave no trace: keeping a late vector of a deleted
	// document away is the caller's part, which knows the documents. Nothing is stored if one of the
	// vectors is refused, with ErrDimension, ErrNotFinite, ErrTooLarge or ErrFull.
	Upsert(ctx context.Context, vs []Vector) error
	// Delete removes the ids whose stored version is at most the key's version.
	Delete(ctx context.Context, keys []Key) error
	// Search returns the K most similar vectors that the filter selects, score descending, ties by id
	// ascending. It returns ErrDimension, ErrNotFinite and ErrFilterUnsupported for bad queries.
	Search(ctx context.Context, q Query) ([]Hit, error)
	// Count is the number of vectors stored.
	Count(ctx context.Context) (int, error)
	// Close releases what the index holds. Nothing may be called after or during it.
	Close() error
}
