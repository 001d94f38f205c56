package flat

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"strings"

	"sagasu/api"
	"sagasu/internal/dense"
)

// predicate reports whether a filter selects a document.
type predicate func(id string, attributes []api.Value) bool

// compile turns a filter that dense.CheckFilter found good into a predicate.
func compile(q api.Query) predicate {
	switch q := q.(type) {
	case *api.IDs:
		wanted := make(map[string]struct{}, len(q.Values))
		for _, id := range q.Values {
			wanted[id] = struct{}{}
		}
		return func(id string, _ []api.Value) bool {
			_, ok := wanted[id]
			return ok
		}
	case *api.Bool:
		return compileBool(q)
	case *api.Term:
		return compileTerms(q.Field, []api.Scalar{q.Value})
	case *api.Terms:
		return compileTerms(q.Field, q.Values)
	case *api.Range:
		return compileRange(q)
	case *api.Exists:
		return func(_ string, attributes []api.Value) bool { return lookup(attributes, q.Field) != nil }
	case *api.Prefix:
		return func(_ string, attributes []api.Value) bool {
			v := lookup(attributes, q.Field)
			return v != nil && slices.ContainsFunc(v.Strings, func(s string) bool { return strings.HasPrefix(s, q.Value) })
		}
	}
	return func(string, []api.Value) bool { return true }
}

// lookup finds a field's values; attributes ascend by field. A field without values is not there.
func lookup(attributes []api.Value, field string) *api.Value {
	i := sort.Search(len(attributes), func(i int) bool { return attributes[i].Field >= field })
	if i == len(attributes) || attributes[i].Field != field {
		return nil
	}
	v := &attributes[i]
	if len(v.Strings)+len(v.Ints)+len(v.Floats) == 0 {
		return nil
	}
	return v
}

func compileAll(list []api.Query) []predicate {
	out := make([]predicate, 0, len(list))
	for _, q := range list {
		out = append(out, compile(q))
	}
	return out
}

func compileBool(q *api.Bool) predicate {
	required := append(compileAll(q.Must), compileAll(q.Filter)...)
	should, banned := compileAll(q.Should), compileAll(q.MustNot)
	least := dense.MinimumShould(q)
	return func(id string, attributes []api.Value) bool {
		for _, p := range required {
			if !p(id, attributes) {
				return false
			}
		}
		for _, p := range banned {
			if p(id, attributes) {
				return false
			}
		}
		missing := least
		for _, p := range should {
			if missing <= 0 {
				break
			}
			if p(id, attributes) {
				missing--
			}
		}
		return missing <= 0
	}
}

func compileTerms(field string, values []api.Scalar) predicate {
	texts, ints, floats := map[string]bool{}, map[int64]bool{}, map[float64]bool{}
	for _, s := range values {
		switch s.Type {
		case api.TypeKeyword:
			texts[s.Str] = true
		case api.TypeFloat:
			floats[s.Float] = true
		default:
			ints[s.Int] = true
		}
	}
	return func(_ string, attributes []api.Value) bool {
		v := lookup(attributes, field)
		return v != nil && (slices.ContainsFunc(v.Strings, func(s string) bool { return texts[s] }) ||
			slices.ContainsFunc(v.Ints, func(n int64) bool { return ints[n] }) ||
			slices.ContainsFunc(v.Floats, func(f float64) bool { return floats[f] }))
	}
}

func compileRange(q *api.Range) predicate {
	text := within(q, func(s *api.Scalar) string { return s.Str })
	number := within(q, func(s *api.Scalar) int64 { return s.Int })
	float := within(q, func(s *api.Scalar) float64 { return s.Float })
	return func(_ string, attributes []api.Value) bool {
		v := lookup(attributes, q.Field)
		return v != nil && (slices.ContainsFunc(v.Strings, text) || slices.ContainsFunc(v.Ints, number) ||
			slices.ContainsFunc(v.Floats, float))
	}
}

// within gives the test of one value against the bounds.
func within[T int64 | float64 | string](q *api.Range, of func(*api.Scalar) T) func(T) bool {
	var gt, gte, lt, lte T
	for bound, to := range map[*api.Scalar]*T{q.GT: &gt, q.GTE: &gte, q.LT: &lt, q.LTE: &lte} {
		if bound != nil {
			*to = of(bound)
		}
	}
	return func(x T) bool {
		return (q.GT == nil || x > gt) && (q.GTE == nil || x >= gte) && (q.LT == nil || x < lt) && (q.LTE == nil || x <= lte)
	}
}

// canonical appends a form of the filter that is the same for filters that differ only in boosts, and
// different for all others.
func canonical(dst []byte, q api.Query) []byte {
	switch q := q.(type) {
	case *api.IDs:
		dst = appendUint(append(dst, 'i'), uint64(len(q.Values)))
		for _, id := range q.Values {
			dst = appendString(dst, id)
		}
	case *api.Bool:
		dst = appendUint(append(dst, 'b'), uint64(dense.MinimumShould(q)))
		for _, list := range [][]api.Query{q.Must, q.Filter, q.Should, q.MustNot} {
			dst = appendUint(dst, uint64(len(list)))
			for _, sub := range list {
				dst = canonical(dst, sub)
			}
		}
	case *api.Term:
		dst = canonicalScalar(appendString(append(dst, 't'), q.Field), &q.Value)
	case *api.Terms:
		dst = appendUint(appendString(append(dst, 'T'), q.Field), uint64(len(q.Values)))
		for i := range q.Values {
			dst = canonicalScalar(dst, &q.Values[i])
		}
	case *api.Range:
		dst = appendString(append(dst, 'r'), q.Field)
		for _, b := range []*api.Scalar{q.GT, q.GTE, q.LT, q.LTE} {
			dst = canonicalScalar(dst, b)
		}
	case *api.Exists:
		dst = appendString(append(dst, 'e'), q.Field)
	case *api.Prefix:
		dst = appendString(appendString(append(dst, 'p'), q.Field), q.Value)
	default:
		dst = append(dst, 'a')
	}
	return dst
}

func appendUint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

func appendString(dst []byte, s string) []byte { return append(appendUint(dst, uint64(len(s))), s...) }

func canonicalScalar(dst []byte, s *api.Scalar) []byte {
	if s == nil {
		return append(dst, 0)
	}
	dst = appendString(append(dst, 1), s.Str)
	return appendUint(appendUint(dst, uint64(s.Int)), math.Float64bits(s.Float))
}
