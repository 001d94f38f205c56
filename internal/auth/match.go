package auth

import (
	"slices"
	"strings"

	"sagasu/api"
)

// Matches reports whether a document filter selects a document, as the index would decide it. A clause that it does
// not know selects nothing, and nothing is selected by what is around it.
func Matches(q api.Query, doc *api.Document) bool {
	matched, known := match(q, doc)
	return matched && known
}

// match also tells whether all clauses are known: the opposite of an unknown one must not let anything through.
func match(q api.Query, doc *api.Document) (matched, known bool) {
	switch q := q.(type) {
	case *api.MatchAll:
		return true, true
	case *api.Bool:
		return matchBool(q, doc)
	case *api.Term:
		return hasScalar(doc.Value(q.Field), &q.Value), true
	case *api.Terms:
		v := doc.Value(q.Field)
		for i := range q.Values {
			if hasScalar(v, &q.Values[i]) {
				return true, true
			}
		}
		return false, true
	case *api.Range:
		return inRange(doc.Value(q.Field), q), true
	case *api.Exists:
		v := doc.Value(q.Field)
		return v != nil && len(v.Strings)+len(v.Ints)+len(v.Floats) > 0, true
	case *api.Prefix:
		v := doc.Value(q.Field)
		return v != nil && slices.ContainsFunc(v.Strings, func(s string) bool { return strings.HasPrefix(s, q.Value) }), true
	}
	return false, false
}

func matchBool(q *api.Bool, doc *api.Document) (matched, known bool) {
	matched, known = true, true
	count := func(list []api.Query) int {
		n := 0
		for _, x := range list {
			is, ok := match(x, doc)
			known = known && ok
			if is {
				n++
			}
		}
		return n
	}
	matched = count(q.Must) == len(q.Must) && count(q.Filter) == len(q.Filter) && count(q.MustNot) == 0
	least := 0
	switch {
	case q.MinimumShould != nil:
		least = *q.MinimumShould
	case len(q.Must)+len(q.Filter) == 0 && len(q.Should) > 0:
		least = 1
	}
	return count(q.Should) >= least && matched, known
}

func hasScalar(v *api.Value, s *api.Scalar) bool {
	if v == nil {
		return false
	}
	switch s.Type {
	case api.TypeKeyword:
		return slices.Contains(v.Strings, s.Str)
	case api.TypeFloat:
		return slices.Contains(v.Floats, s.Float)
	case api.TypeInt, api.TypeDate, api.TypeBool:
		return slices.Contains(v.Ints, s.Int)
	}
	return false
}

func inRange(v *api.Value, q *api.Range) bool {
	if v == nil {
		return false
	}
	text := bounds(q, func(s *api.Scalar) string { return s.Str })
	whole := bounds(q, func(s *api.Scalar) int64 { return s.Int })
	float := bounds(q, func(s *api.Scalar) float64 { return s.Float })
	return slices.ContainsFunc(v.Strings, text) || slices.ContainsFunc(v.Ints, whole) ||
		slices.ContainsFunc(v.Floats, float)
}

// bounds gives the test of one value.
func bounds[T string | int64 | float64](q *api.Range, of func(*api.Scalar) T) func(T) bool {
	return func(x T) bool {
		return (q.GT == nil || x > of(q.GT)) && (q.GTE == nil || x >= of(q.GTE)) &&
			(q.LT == nil || x < of(q.LT)) && (q.LTE == nil || x <= of(q.LTE))
	}
}
