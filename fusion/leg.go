package fusion

import (
	"errors"
	"fmt"
	"math"
)

// ErrBadParameter is returned when a weight or k is negative, not finite or over 1e12, or when a score
// is not finite. The message names the parameter, and for a score the leg and the id.
var ErrBadParameter = errors.New("bad fusion parameter")

// Entry is one hit of a leg.
type Entry struct {
	// ID is the document's id.
	ID string
	// Score is the leg's own score: finite, the higher the better, of any scale.
	Score float64
}

// Leg is the result of one way of searching.
type Leg struct {
	// Name is used in messages only.
	Name string
	// Weight multiplies the leg's contributions. A leg of weight 0 adds no hits and no score; where it
	// has one of the other legs' hits, its rank and score are still reported.
	Weight float64
	// Entries are the hits, best first: the position makes the rank. Of several entries with the same
	// id the first counts; the others are ignored and take no rank.
	Entries []Entry
}

// take returns how many of the leg's entries can matter under the window at most.
func (l *Leg) take(window int) int {
	if window <= 0 {
		return len(l.Entries)
	}
	return min(window, len(l.Entries))
}

// Window returns the default number of hits to take from each leg for the page of size hits that
// starts at from: max(100, 4*(from+size)). Negative arguments count as 0.
func Window(from, size int) int {
	from, size = max(from, 0), max(size, 0)
	if from > math.MaxInt/windowFactor-size {
		return math.MaxInt
	}
	return max(minWindow, windowFactor*(from+size))
}

// checkParameter returns ErrBadParameter unless 0 <= value <= maxParameter.
func checkParameter(name string, value float64) error {
	if usable(value) {
		return nil
	}
	return fmt.Errorf("%w: %s is %v, want a number from 0 to %g", ErrBadParameter, name, value, maxParameter)
}

// usable reports whether a weight or k is in its range; NaN is not.
func usable(value float64) bool {
	return value >= 0 && value <= maxParameter
}

// checkWeights returns ErrBadParameter for the first leg whose weight is not usable.
func checkWeights(legs []Leg) error {
	for i := range legs {
		if !usable(legs[i].Weight) {
			return checkParameter(fmt.Sprintf("weight of leg %q", legs[i].Name), legs[i].Weight)
		}
	}
	return nil
}

// checkScore returns ErrBadParameter unless the entry's score is finite.
func checkScore(leg string, e *Entry) error {
	if math.IsNaN(e.Score) || math.IsInf(e.Score, 0) {
		return fmt.Errorf("%w: score of %q in leg %q is %v", ErrBadParameter, e.ID, leg, e.Score)
	}
	return nil
}
