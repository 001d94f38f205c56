package densetest

import (
	"slices"
	"sort"
	"strings"

	"sagasu/api"
	"sagasu/internal/dense"
)

// reference is a dense index by definition: a map, and a look at every vector for each search.
type reference struct {
	fields  map[string]api.Field
	vectors map[string]dense.Vector
}

func newReference(fields map[string]api.Field) *reference {
	return &reference{fields: fields, vectors: map[string]dense.Vector{}}
}

func (r *reference) upsert(vs []dense.Vector) {
	for _, v := range vs {
		if old, ok := r.vectors[v.ID]; !ok || v.Version >= old.Version {
			r.vectors[v.ID] = v
		}
	}
}

func (r *reference) remove(keys []dense.Key) {
	for _, k := range keys {
		if old, ok := r.vectors[k.ID]; ok && old.Version <= k.Version {
			delete(r.vectors, k.ID)
		}
	}
}

// search gives the exact answer; the vectors must be good.
func (r *reference) search(q dense.Query) ([]dense.Hit, error) {
	query, err := dense.Normalize(q.Vector)
	if err != nil {
		return nil, err
	}
	hits := []dense.Hit{}
	for _, v := range r.vectors {
		if q.Filter != nil && !r.matches(q.Filter, v) {
			continue
		}
		unit, err := dense.Normalize(v.Values)
		if err != nil {
			return nil, err
		}
		hits = append(hits, dense.Hit{ID: v.ID, Version: v.Version, Score: dense.Dot(query, unit)})
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Score != hits[j].Score {
			return hits[i].Score > hits[j].Score
		}
		return hits[i].ID < hits[j].ID
	})
	return hits[:min(len(hits), max(q.K, 0))], nil
}

func (r *reference) matches(q api.Query, v dense.Vector) bool {
	switch q := q.(type) {
	case *api.MatchAll:
		return true
	case *api.IDs:
		return slices.Contains(q.Values, v.ID)
	case *api.Bool:
		return r.matchesBool(q, v)
	case *api.Term:
		return r.any(q.Field, v, func(s api.Scalar) bool { return compare(s, q.Value) == 0 })
	case *api.Terms:
		return r.any(q.Field, v, func(s api.Scalar) bool {
			return slices.ContainsFunc(q.Values, func(want api.Scalar) bool { return compare(s, want) == 0 })
		})
	case *api.Range:
		return r.any(q.Field, v, func(s api.Scalar) bool {
			return (q.GT == nil || compare(s, *q.GT) > 0) && (q.GTE == nil || compare(s, *q.GTE) >= 0) &&
				(q.LT == nil || compare(s, *q.LT) < 0) && (q.LTE == nil || compare(s, *q.LTE) <= 0)
		})
	case *api.Exists:
		return r.any(q.Field, v, func(api.Scalar) bool { return true })
	case *api.Prefix:
		return r.any(q.Field, v, func(s api.Scalar) bool { return strings.HasPrefix(s.Str, q.Value) })
	}
	return false
}

func (r *reference) matchesBool(q *api.Bool, v dense.Vector) bool {
	count := func(list []api.Query) int {
		n := 0
		for _, sub := range list {
			if r.matches(sub, v) {
				n++
			}
		}
		return n
	}
	least := 0
	switch {
	case q.MinimumShould != nil:
		least = *q.MinimumShould
	case len(q.Should) > 0 && len(q.Must)+len(q.Filter) == 0:
		least = 1
	}
	return count(q.Must) == len(q.Must) && count(q.Filter) == len(q.Filter) &&
		count(q.MustNot) == 0 && count(q.Should) >= least
}

// any reports whether one of the document's values in the field satisfies the condition.
func (r *reference) any(field string, v dense.Vector, holds func(api.Scalar) bool) bool {
	t := r.fields[field].Type
	for _, value := range v.Attributes {
		if value.Field != field {
			continue
		}
		for _, s := range value.Strings {
			if holds(api.Scalar{Type: t, Str: s}) {
				return true
			}
		}
		for _, n := range value.Ints {
			if holds(api.Scalar{Type: t, Int: n}) {
				return true
			}
		}
		for _, f := range value.Floats {
			if holds(api.Scalar{Type: t, Float: f}) {
				return true
			}
		}
	}
	return false
}

// compare orders two values of the same type.
func compare(a, b api.Scalar) int {
	switch a.Type {
	case api.TypeKeyword:
		return strings.Compare(a.Str, b.Str)
	case api.TypeFloat:
		switch {
		case a.Float < b.Float:
			return -1
		case a.Float > b.Float:
			return 1
		}
		return 0
	}
	switch {
	case a.Int < b.Int:
		return -1
	case a.Int > b.Int:
		return 1
	}
	return 0
}

// Exact gives the exact answer to a query over these vectors, by looking at each.
func Exact(vs []dense.Vector, fields map[string]api.Field, q dense.Query) ([]dense.Hit, error) {
	r := newReference(fields)
	r.upsert(vs)
	return r.search(q)
}
