package milvus

import (
	"maps"
	"slices"

	"sagasu/api"
	"sagasu/internal/dense"
)

// prune adds to a filter's expression the partitions in which what it selects can be, if it says so. Milvus looks
// for them at the outermost conjunction only.
func prune(text string, q api.Query, partition string) string {
	values := partitionsOf(q, partition)
	if values == nil || len(values) > maxPrunes {
		return text
	}
	// Documents with several values are in a partition of their own.
	list := append(slices.Sorted(maps.Keys(values)), severalPartitions)
	return inList(partitionColumn, list) + " and (" + text + ")"
}

// partitionsOf gives the encoded values of the partition field of which the documents that the filter selects have
// one; nil if they can have any.
func partitionsOf(q api.Query, field string) map[string]bool {
	switch q := q.(type) {
	case *api.Term:
		if q.Field == field {
			return map[string]bool{encodePartition(q.Value.Str): true}
		}
	case *api.Terms:
		if q.Field != field {
			return nil
		}
		values := make(map[string]bool, len(q.Values))
		for _, v := range q.Values {
			values[encodePartition(v.Str)] = true
		}
		return values
	case *api.Bool:
		return partitionsOfBool(q, field)
	}
	return nil
}

// partitionsOfBool gives the smallest set that a clause which must match demands, or, if one of the Should clauses
// must match and each demands some, the union of those.
func partitionsOfBool(q *api.Bool, field string) map[string]bool {
	var best map[string]bool
	consider := func(values map[string]bool) {
		if values != nil && (best == nil || len(values) < len(best)) {
			best = values
		}
	}
	for _, sub := range append(slices.Clone(q.Must), q.Filter...) {
		consider(partitionsOf(sub, field))
	}
	if dense.MinimumShould(q) < 1 {
		return best
	}
	union := map[string]bool{}
	for _, sub := range q.Should {
		values := partitionsOf(sub, field)
		if values == nil {
			return best
		}
		maps.Copy(union, values)
	}
	consider(union)
	return best
}
