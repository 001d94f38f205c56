package densetest

import (
	"math"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
)

// nasty is a field name that has to be quoted in most languages.
const nasty = `a"b\c.東 '[0]`

// Fields are the filterable fields of the generated documents.
func Fields() map[string]api.Field {
	return map[string]api.Field{
		"tag": {Type: api.TypeKeyword}, nasty: {Type: api.TypeKeyword}, "n": {Type: api.TypeInt},
		"price": {Type: api.TypeFloat}, "day": {Type: api.TypeDate}, "open": {Type: api.TypeBool},
	}
}

// fieldNames, ascending as attributes are.
func fieldNames() []string { return []string{nasty, "day", "n", "open", "price", "tag"} }

// scalarsOf lists the values that documents and filters take, so that they meet.
func scalarsOf(t api.FieldType) []api.Scalar {
	var out []api.Scalar
	switch t {
	case api.TypeKeyword:
		for _, s := range []string{
			"", " ", "a", "ab", "a\"b", `a\b`, `\`, `"`, `\"`, "'", "a%", "%", "_", "a_b", "a\nb", "\t", "\x00",
			"é", "e\u0301", "東", "東京", "東京都", "🎈", "z", "Z", "\U0010ffff", "[]", "{}", "${x}", "null", "1",
		} {
			out = append(out, api.Scalar{Type: t, Str: s})
		}
	case api.TypeFloat:
		negativeZero := math.Copysign(0, -1)
		for _, f := range []float64{
			0, negativeZero, 1, -1, 1.5, 0.1, 0.30000000000000004, 1 << 53, math.MaxFloat64, -math.MaxFloat64,
			math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 1e-300, 1e300,
		} {
			out = append(out, api.Scalar{Type: t, Float: f})
		}
	case api.TypeBool:
		out = append(out, api.Scalar{Type: t, Int: 0}, api.Scalar{Type: t, Int: 1})
	default:
		for _, n := range []int64{
			0, 1, -1, 7, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1,
			1700000000000, -62135596800000,
		} {
			out = append(out, api.Scalar{Type: t, Int: n})
		}
	}
	return out
}

// document draws a vector with attributes: fields missing, with one and with several values.
func document(rng *rand.Rand, id string, version uint64, dims, maxValues int) dense.Vector {
	v := dense.Vector{ID: id, Version: version, Slot: uint16(api.SlotOf(id)), Values: RandomVector(rng, dims)}
	fields := Fields()
	for _, name := range fieldNames() {
		pool := scalarsOf(fields[name].Type)
		n := 0
		switch rng.IntN(4) {
		case 1, 2:
			n = 1
		case 3:
			n = 1 + rng.IntN(maxValues)
		}
		if n == 0 {
			continue
		}
		value := api.Value{Field: name}
		for range n {
			s := pool[rng.IntN(len(pool))]
			switch s.Type {
			case api.TypeKeyword:
				value.Strings = append(value.Strings, s.Str)
			case api.TypeFloat:
				value.Floats = append(value.Floats, s.Float)
			default:
				value.Ints = append(value.Ints, s.Int)
			}
		}
		v.Attributes = append(v.Attributes, value)
	}
	return v
}

// RandomVector draws a vector of any length but zero.
func RandomVector(rng *rand.Rand, dims int) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// ids are the ids of the generated documents, some of them hard to quote.
func ids(n int) []string {
	out := []string{
		"\"", `\`, `a"b`, `a\`, "'", "東京", "🎈", "a\nb", "%", "_", "\x00", " ", "id in [1]", "\u2028", `\u0041`,
	}
	for i := len(out); i < n; i++ {
		out = append(out, "doc-"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)))
	}
	return out[:n]
}

// drawFilter draws a filter of at most the given depth over the fields.
func drawFilter(t *rapid.T, ids []string, depth int) api.Query {
	kinds := 7
	if depth > 0 {
		kinds = 11
	}
	field := rapid.SampledFrom(fieldNames()).Draw(t, "field")
	pool := rapid.SampledFrom(scalarsOf(Fields()[field].Type))
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return &api.MatchAll{}
	case 1:
		return &api.Term{Field: field, Value: pool.Draw(t, "value")}
	case 2:
		return &api.Terms{Field: field, Values: rapid.SliceOfN(pool, 0, 4).Draw(t, "values")}
	case 3:
		return &api.Exists{Field: field}
	case 4:
		some := rapid.SampledFrom(append(slices.Clone(ids), "none"))
		return &api.IDs{Values: rapid.SliceOfN(some, 0, 20).Draw(t, "ids")}
	case 5:
		prefix := rapid.SampledFrom(scalarsOf(api.TypeKeyword)).Draw(t, "prefix").Str
		return &api.Prefix{Field: rapid.SampledFrom([]string{nasty, "tag"}).Draw(t, "keyword"), Value: prefix}
	case 6:
		if field == "open" {
			field = "n"
		}
		return drawRange(t, field)
	}
	return drawBool(t, ids, depth)
}

func drawRange(t *rapid.T, field string) api.Query {
	pool := rapid.SampledFrom(scalarsOf(Fields()[field].Type))
	bound := func(name string) *api.Scalar {
		if !rapid.Bool().Draw(t, name) {
			return nil
		}
		s := pool.Draw(t, name+" bound")
		return &s
	}
	return &api.Range{Field: field, GT: bound("gt"), GTE: bound("gte"), LT: bound("lt"), LTE: bound("lte")}
}

func drawBool(t *rapid.T, ids []string, depth int) api.Query {
	list := func(name string, most int) []api.Query {
		out := []api.Query{}
		for range rapid.IntRange(0, most).Draw(t, name) {
			out = append(out, drawFilter(t, ids, depth-1))
		}
		return out
	}
	q := &api.Bool{
		Must: list("must", 2), Should: list("should", 4), MustNot: list("must not", 2), Filter: list("filter", 1),
	}
	if rapid.Bool().Draw(t, "minimum") {
		n := rapid.IntRange(0, len(q.Should)+1).Draw(t, "minimum should")
		q.MinimumShould = &n
	}
	return q
}
