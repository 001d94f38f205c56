package dense

import (
	"fmt"
	"math"

	"sagasu/api"
)

// Filterable reports whether fields of the type are kept beside the vectors.
func Filterable(t api.FieldType) bool {
	switch t {
	case api.TypeKeyword, api.TypeInt, api.TypeFloat, api.TypeDate, api.TypeBool:
		return true
	}
	return false
}

// CheckFilter returns ErrFilterUnsupported, naming the clause, if a dense index over documents with these
// fields can't tell what the filter selects: clauses that score text or sparse vectors, fields that are
// not filterable or not there, and values of another type than their field's. Nil is a good filter.
func CheckFilter(q api.Query, fields map[string]api.Field) error {
	c := checker{fields: fields}
	if q == nil {
		return nil
	}
	return c.check(q)
}

// MinimumShould is the number of Should clauses that must match; see api.Bool.
func MinimumShould(q *api.Bool) int {
	switch {
	case q.MinimumShould != nil:
		return *q.MinimumShould
	case len(q.Should) > 0 && len(q.Must) == 0 && len(q.Filter) == 0:
		return 1
	}
	return 0
}

type checker struct{ fields map[string]api.Field }

func unsupported(clause, reason string) error {
	return fmt.Errorf("%w: %s %s", ErrFilterUnsupported, clause, reason)
}

func (c checker) check(q api.Query) error {
	switch q := q.(type) {
	case *api.MatchAll, *api.IDs:
		return nil
	case *api.Bool:
		return c.checkBool(q)
	case *api.Term:
		return c.values("term", q.Field, q.Value)
	case *api.Terms:
		return c.values("terms", q.Field, q.Values...)
	case *api.Range:
		return c.checkRange(q)
	case *api.Exists:
		return c.values("exists", q.Field)
	case *api.Prefix:
		if err := c.values("prefix", q.Field); err != nil {
			return err
		}
		if t := c.fields[q.Field].Type; t != api.TypeKeyword {
			return unsupported("prefix", fmt.Sprintf("on field %q of type %s", q.Field, t))
		}
		return nil
	case *api.Match:
		return unsupported("match", "searches text")
	case *api.Phrase:
		return unsupported("phrase", "searches text")
	case *api.SparseVector:
		return unsupported("sparse_vector", fmt.Sprintf("on field %q", q.Field))
	}
	return unsupported(fmt.Sprintf("%T", q), "is unknown")
}

func (c checker) checkBool(q *api.Bool) error {
	for _, list := range [][]api.Query{q.Must, q.Filter, q.Should, q.MustNot} {
		for _, sub := range list {
			if err := c.check(sub); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c checker) checkRange(q *api.Range) error {
	var bounds []api.Scalar
	for _, b := range []*api.Scalar{q.GT, q.GTE, q.LT, q.LTE} {
		if b != nil {
			bounds = append(bounds, *b)
		}
	}
	if err := c.values("range", q.Field, bounds...); err != nil {
		return err
	}
	if c.fields[q.Field].Type == api.TypeBool {
		return unsupported("range", fmt.Sprintf("on field %q of type bool", q.Field))
	}
	return nil
}

// values checks a clause's field and the types of its values.
func (c checker) values(clause, field string, values ...api.Scalar) error {
	f, ok := c.fields[field]
	if !ok {
		return unsupported(clause, fmt.Sprintf("on field %q, which the index does not have", field))
	}
	if !Filterable(f.Type) {
		return unsupported(clause, fmt.Sprintf("on field %q of type %s", field, f.Type))
	}
	for _, v := range values {
		if v.Type != f.Type {
			return unsupported(clause, fmt.Sprintf("on field %q of type %s has a value of type %s", field, f.Type, v.Type))
		}
		if math.IsNaN(v.Float) {
			return unsupported(clause, fmt.Sprintf("on field %q has the value NaN", field))
		}
	}
	return nil
}
