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
	// Group is the number of what the term stands for, such as a word in one of several fields; see Query.Choices.
	Group int
	// Clause is the number of the part of the query whose scores are summed up by themselves before they are added.
	Clause int
}

// score is what a posting adds to the score of its document. The conversion keeps the compiler from fusing operations.
func (t *Term) score(posting int, doc uint32) float64 {
	if !t.Text {
		return float64(t.Weight * float64(t.List.Weight(posting)))
	}
	length := t.Field.Length(doc)
	return t.Norm.Score(t.Weight, t.List.Freq(posting, length), length)
}

// Choice is a range of groups, from From on, up to To.
type Choice struct{ From, To int }

// Query is what to find in a segment.
type Query struct {
	// Terms are in the order of their groups, which count from 0, and of their clauses, and are summed up in this order.
	Terms []Term
	// Choices are what matches: a document with a term of every group of one of them. Without choices any term will do.
	Choices []Choice
	// Boost multiplies the sum; 0 stands for 1.
	Boost float64
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

// any reports whether any term will do.
func (q *Query) any() bool { return len(q.Choices) == 0 }

// every reports whether a document needs every term.
func (q *Query) every() bool {
	if len(q.Choices) != 1 || q.Choices[0].To-q.Choices[0].From != len(q.Terms) {
		return false
	}
	for i := range q.Terms {
		if q.Terms[i].Group != q.Choices[0].From+i {
			return false
		}
	}
	return true
}

// Holds reports whether the query has a term of every group of a choice.
func (q *Query) Holds(c Choice) bool {
	group := c.From
	for i := range q.Terms {
		if q.Terms[i].Group == group && group < c.To {
			group++
		}
	}
	return group == c.To && c.To > c.From
}

func (q *Query) boost() float64 {
	if q.Boost == 0 {
		return 1
	}
	return q.Boost
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
