package sparse

import "sagasu/api"

// Request asks a snapshot for its best documents.
type Request struct {
	// Query is scored; nil matches every document with score 1.
	Query api.Query
	// Filter restricts the documents without scoring; nil for none.
	Filter api.Query
	// K is the number of hits wanted, at least 0.
	K int
	// Count is the number of matches up to which they are counted: 0 counts all of them, a negative number none. Finding
	// the best is much faster than counting all, and few need to know how many there are beyond some thousands.
	Count int
	// Stats are the statistics to score with instead of the snapshot's own, nil for those: the sum of all
	// shards' makes a shard score as an index with all documents would. Where they count less than the
	// snapshot, being older than it, the snapshot's numbers are taken. Several searches may share them; they
	// are only read.
	Stats *Statistics
}

// Hit is one document of a result.
type Hit struct {
	ID    string
	Score float64
	// Version is the document's.
	Version uint64
}

// TopDocs is the exact result of a search.
type TopDocs struct {
	// Hits, best first; ties by id, ascending bytes. At most Request.K.
	Hits []Hit
	// Total is the exact number of matching live documents, or, if More is set, a number that they are not fewer than:
	// at least Request.Count, if that is positive.
	Total int
	More  bool
}

// Answer is a result whose room is used again; see SearchInto. Its zero value is ready.
type Answer struct {
	TopDocs
	// ids are those of the hits, one after the other.
	ids []byte
}

// Stored is a document as it was written.
type Stored struct {
	ID      string
	Version uint64
	// Source is api.Document.Source.
	Source []byte
	// Vector is the dense vector the client brought with this version, nil if none.
	Vector []float32
}

// Key names one version of a document.
type Key struct {
	ID      string
	Version uint64
}
