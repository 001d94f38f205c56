package kernel

import (
	"sagasu/sparse/segment"
)

// Windows are those of the lists.
const (
	windowDocs  = segment.WindowDocs
	windowWords = segment.WindowWords
)

// Term is one key of a query.
type Term struct {
	// List is read in place.
	List *segment.List
	// Field is the list's.
	Field *segment.Field
	// Weight multiplies the saturation of a text, or the weight of a sparse vector's posting; positive.
	Weight float64
	// Norm is what the saturation of a text is computed with.
	Norm segment.Norm
	// Text says which of the two it is.
	Text bool
	// Deleted is at least the number of the list's documents that are deleted; negative if that is not known.
	Deleted int
	// Group is the number of what the term stands for, such as a word in one of several fields; see Query.All.
	Group int
}

// score is what a posting adds to the score of its document. The conversion keeps the compiler from fusing operations.
func (t *Term) score(posting int, doc uint32) float64 {
	if !t.Text {
		return float64(t.Weight * float64(t.List.Weight(posting)))
	}
	length := t.Field.Length(doc)
	return t.Norm.Score(t.Weight, t.List.Freq(posting, length), length)
}

// Query is what to find in a segment.
type Query struct {
	// Terms are summed up in this order.
	Terms []Term
	// All says that a document must have a term of every group; otherwise any term will do.
	All bool
	// Groups is the number of groups: terms are in the order of theirs, which count from 0.
	Groups int
	// Docs is the number of the segment's documents.
	Docs uint32
	// Filter, if not nil, has the bits of the documents that may be found, and Deleted of those that may not. Both may be
	// shorter than the segment: what is missing is zero.
	Filter, Deleted []uint64
	// Stop, if not nil, is asked before every window; its error ends the search.
	Stop Stopper
}

// Stopper says when to stop, as a context does.
type Stopper interface {
	// Err is nil as long as the search is wanted.
	Err() error
}

// windows is the number of windows of the segment.
func (q *Query) windows() int { return int((uint64(q.Docs) + windowDocs - 1) / windowDocs) }

// Collector takes documents and keeps the best k.
type Collector interface {
	// K is the number of documents kept.
	K() int
	// Threshold is the score that a document must reach to be kept, negative infinity while there is room.
	Threshold() float64
	// Offer considers a document of the segment.
	Offer(doc uint32, score float64)
}
