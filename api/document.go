package api

// OpKind says what a write does.
type OpKind uint8

// The kinds of write, "op" in JSON.
const (
	// OpIndex inserts the document or replaces the one with its id ("index", the default).
	OpIndex OpKind = 1
	// OpCreate inserts, and is refused when the id exists ("create").
	OpCreate OpKind = 2
	// OpDelete removes the document ("delete").
	OpDelete OpKind = 3
	// OpTrim removes the passages PassageID(id, From), PassageID(id, From+1), ... of the document with the write's
	// id, up to the first that is not there. Clients can't ask for it.
	OpTrim OpKind = 4
)

// SparseEntry is one weight of a sparse vector.
type SparseEntry struct {
	Dim    uint32
	Weight float32
}

// Value is what a document holds in one field. Exactly one of the slices is used, by the field's
// type; its order is the document's.
type Value struct {
	// Field is the name in the schema.
	Field string
	// Strings holds text and keyword values.
	Strings []string
	// Ints holds int values, date values in milliseconds since 1970 UTC, bool values as 0 and 1.
	Ints []int64
	// Floats holds float values; finite.
	Floats []float64
	// Sparse holds a sparse vector, ascending by Dim, without duplicates, weights finite and > 0.
	Sparse []SparseEntry
}

// Document is a parsed document.
type Document struct {
	// ID is unique in the index; 1 to MaxIDBytes bytes of valid UTF-8.
	ID string
	// Values, ascending by field name; fields the document lacks (or holds as null or []) are absent.
	Values []Value
	// Source is the document's JSON object as it will be given back: without id, vector, op, if_version.
	Source []byte
	// Vector is the document's dense vector if the client brought one, else nil.
	Vector []float32
	// Generation is that of Vector: the schema's, DenseConfig.Generation, by which it was parsed.
	Generation int
}

// Value returns what the document holds in the named field, nil if nothing.
func (d *Document) Value(field string) *Value {
	for i := range d.Values {
		if d.Values[i].Field == field {
			return &d.Values[i]
		}
	}
	return nil
}

// Write is one operation on one document.
type Write struct {
	Kind OpKind
	// Doc is the document; for OpDelete only its ID is set.
	Doc Document
	// IfVersion, if not nil, makes the write conditional on the document's present version; 0 means
	// "does not exist".
	IfVersion *uint64
	// Follows makes the write one with the write before it in its request: it is carried out if that one was, and
	// else is a conflict too.
	Follows bool
	// From is the first position that OpTrim removes.
	From int
}

// WriteResult says what became of one Write.
type WriteResult struct {
	ID string `json:"id"`
	// Status is created, updated, deleted, not_found, conflict or error.
	Status string `json:"status"`
	// Version is the document's version after the write; of the present document on a conflict, 0 if
	// there is none. Versions grow with every write of a shard.
	Version uint64 `json:"version,omitempty"`
	// Sequence is a token for SearchRequest.Sequence: a search that carries it sees the write, whichever
	// node it is sent to. Empty if nothing was written.
	Sequence string `json:"sequence,omitempty"`
	// Passages is the number of passages that the document was split into; 0 where documents are kept whole, and
	// for deletes.
	Passages int `json:"passages,omitempty"`
	// Error tells why, for conflict and error.
	Error *Problem `json:"error,omitempty"`
}

// StoredDocument is a document as it is read.
type StoredDocument struct {
	ID      string
	Version uint64
	// Source is the document's JSON object, without PassageMember.
	Source RawJSON
	// Passages is the number of passages of a document that is split; 0 for one that is kept whole, and for a
	// passage.
	Passages int
	// Passage says which part of a document this is; nil for a document.
	Passage RawJSON
}

// The values of WriteResult.Status.
const (
	StatusCreated  = "created"
	StatusUpdated  = "updated"
	StatusDeleted  = "deleted"
	StatusNotFound = "not_found"
	StatusConflict = "conflict"
	StatusError    = "error"
)
