package embedclient

import (
	"context"

	"sagasu/api"
)

// Kind says what a text is, for models embed questions and answers differently.
type Kind uint8

// The kinds of text.
const (
	// Query is what somebody searches for.
	Query Kind = 1
	// Passage is what is searched.
	Passage Kind = 2
)

// kinds is how many kinds there are, plus one: kinds index arrays.
const kinds = 3

// String returns the kind as it is named in metrics: "query", "passage".
func (k Kind) String() string {
	switch k {
	case Query:
		return "query"
	case Passage:
		return "passage"
	default:
		return "unknown"
	}
}

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed returns one vector of Dims values per text, in order. The caller owns the vectors.
	//
	// For a single text the error is that text's. For several, texts that failed are told by a
	// *BatchError, and the vectors of the others are returned with it (nil where a text failed). What
	// concerns the call as a whole (ErrBadKind, ErrClosed, a context that has ended before) is
	// returned as it is, without vectors.
	Embed(ctx context.Context, kind Kind, texts []string) ([][]float32, error)
}

// SparseEmbedder turns texts into learned sparse vectors.
type SparseEmbedder interface {
	// EmbedSparse returns one vector per text, in order, each ascending by dimension, without
	// duplicates, with weights over 0. Ownership and errors are those of Embedder.Embed.
	EmbedSparse(ctx context.Context, kind Kind, texts []string) ([][]api.SparseEntry, error)
}
