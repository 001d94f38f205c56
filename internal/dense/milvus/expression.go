package milvus

import (
	"fmt"
	"slices"
	"strings"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Expressions that select everything and nothing; slots are never negative.
const (
	always = slotColumn + " >= 0"
	never  = slotColumn + " < 0"
)

// expression is a filter in Milvus's language.
type expression struct {
	text string
	// intervals tells that it looks at single values, so that it is wrong about documents that have more in a
	// field than it was made for.
	intervals bool
}

// translate gives the expression of a filter that dense.CheckFilter found good. A filter that fixes the values of
// the partition field, if there is one, names the partitions as well. The expression is right about documents with
// up to width values in a field. It returns dense.ErrFilterUnsupported for one that would get out of hand.
func translate(q api.Query, partition string, width int) (expression, error) {
	t := &translator{width: width}
	text, err := t.query(q)
	if err == nil && partition != "" {
		text = prune(text, q, partition)
	}
	if err == nil && len(text) > maxExpression {
		err = fmt.Errorf("%w: it is an expression of %d bytes, the limit is %d",
			dense.ErrFilterUnsupported, len(text), maxExpression)
	}
	return expression{text: text, intervals: t.intervals}, err
}

type translator struct {
	width     int
	intervals bool
}

func (t *translator) query(q api.Query) (string, error) {
	switch q := q.(type) {
	case *api.IDs:
		ids := make([]string, 0, len(q.Values))
		for _, id := range q.Values {
			if checkID(id) == nil {
				ids = append(ids, storedID(id))
			}
		}
		return inList(idColumn, ids), nil
	case *api.Bool:
		return t.bool(q)
	case *api.Term:
		return fmt.Sprintf(`json_contains(%s, "%s")`, column(q.Field), encodeScalar(q.Value)), nil
	case *api.Terms:
		return termsExpression(q), nil
	case *api.Range:
		return t.interval(q.Field, boundsOf(q)), nil
	case *api.Exists:
		return t.interval(q.Field, bounds{}), nil
	case *api.Prefix:
		if q.Value == "" {
			return t.interval(q.Field, bounds{}), nil
		}
		// After every digit comes "g": this is the least string that is greater than all that begin so.
		p := encodeText(q.Value)
		return t.interval(q.Field, bounds{low: p, hasLow: true, high: p + "g", hasHigh: true, highOpen: true}), nil
	}
	return always, nil
}

// column is a field's array in the JSON column.
func column(field string) string { return attributesColumn + `["` + fieldKey(field) + `"]` }

func termsExpression(q *api.Terms) string {
	if len(q.Values) == 0 {
		return never
	}
	values := make([]string, 0, len(q.Values))
	for _, v := range q.Values {
		values = append(values, `"`+encodeScalar(v)+`"`)
	}
	slices.Sort(values)
	return fmt.Sprintf("json_contains_any(%s, [%s])", column(q.Field), strings.Join(slices.Compact(values), ", "))
}

// bounds is an interval of encoded values.
type bounds struct {
	low, high         string
	hasLow, hasHigh   bool
	lowOpen, highOpen bool
}

// boundsOf gives the interval of a range: of two lower or upper bounds the narrower.
func boundsOf(q *api.Range) bounds {
	var b bounds
	if q.GTE != nil {
		b.low, b.hasLow = encodeScalar(*q.GTE), true
	}
	if q.GT != nil {
		if low := encodeScalar(*q.GT); !b.hasLow || low >= b.low {
			b.low, b.hasLow, b.lowOpen = low, true, true
		}
	}
	if q.LTE != nil {
		b.high, b.hasHigh = encodeScalar(*q.LTE), true
	}
	if q.LT != nil {
		if high := encodeScalar(*q.LT); !b.hasHigh || high <= b.high {
			b.high, b.hasHigh, b.highOpen = high, true, true
		}
	}
	return b
}

// interval selects the documents with a value in the interval.
func (t *translator) interval(field string, b bounds) string {
	path := column(field)
	below, above := "<=", ">="
	if b.lowOpen {
		above = ">"
	}
	if b.highOpen {
		below = "<"
	}
	switch {
	case !b.hasLow && !b.hasHigh:
		return "exists " + path
	case !b.hasHigh:
		return fmt.Sprintf(`%s[0] %s "%s"`, path, above, b.low)
	case !b.hasLow:
		// The least value is the second, if there are two.
		return fmt.Sprintf(`(%s[0] %s "%s" or %s[1] %s "%s")`, path, below, b.high, path, below, b.high)
	case b.low > b.high || b.low == b.high && (b.lowOpen || b.highOpen):
		return never
	case b.low == b.high:
		return fmt.Sprintf(`json_contains(%s, "%s")`, path, b.low)
	}
	t.intervals = true
	slots := make([]string, 0, t.width)
	for i := range t.width {
		slots = append(slots, fmt.Sprintf(`(%s[%d] %s "%s" and %s[%d] %s "%s")`,
			path, i, above, b.low, path, i, below, b.high))
	}
	return join(slots, "or", never)
}

func (t *translator) bool(q *api.Bool) (string, error) {
	all, err := t.list(append(slices.Clone(q.Must), q.Filter...))
	if err != nil {
		return "", err
	}
	banned, err := t.list(q.MustNot)
	if err != nil {
		return "", err
	}
	if len(banned) > 0 {
		all = append(all, "(not "+join(banned, "or", never)+")")
	}
	should, err := t.list(q.Should)
	if err != nil {
		return "", err
	}
	some, err := atLeast(should, dense.MinimumShould(q))
	if err != nil {
		return "", err
	}
	return join(append(all, some), "and", always), nil
}

func (t *translator) list(queries []api.Query) ([]string, error) {
	out := make([]string, 0, len(queries))
	for _, q := range queries {
		text, err := t.query(q)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// join connects expressions; empty is what none of them gives.
func join(list []string, operator, empty string) string {
	switch len(list) {
	case 0:
		return "(" + empty + ")"
	case 1:
		return "(" + list[0] + ")"
	}
	return "((" + strings.Join(list, ") "+operator+" (") + "))"
}

// atLeast selects the documents that satisfy at least n of the expressions.
func atLeast(list []string, n int) (string, error) {
	switch {
	case n <= 0:
		return always, nil
	case n > len(list):
		return never, nil
	case n == 1:
		return join(list, "or", never), nil
	case n == len(list):
		return join(list, "and", always), nil
	}
	combinations := 1
	for i := 1; i <= n; i++ {
		if combinations = combinations * (len(list) - n + i) / i; combinations > maxCombinations {
			return "", fmt.Errorf("%w: bool with minimum_should %d of %d clauses has over %d combinations",
				dense.ErrFilterUnsupported, n, len(list), maxCombinations)
		}
	}
	var terms []string
	choose(list, n, nil, func(chosen []string) { terms = append(terms, join(chosen, "and", always)) })
	return join(terms, "or", never), nil
}

// choose gives every selection of n out of the list.
func choose(list []string, n int, chosen []string, each func([]string)) {
	if n == 0 {
		each(chosen)
		return
	}
	for i := 0; i+n <= len(list); i++ {
		choose(list[i+1:], n-1, append(chosen[:len(chosen):len(chosen)], list[i]), each)
	}
}

// inList selects the rows with one of these values in a column of strings.
func inList(column string, values []string) string {
	if len(values) == 0 {
		return never
	}
	var text strings.Builder
	text.WriteString(column + " in [")
	for i, value := range values {
		if i > 0 {
			text.WriteString(", ")
		}
		quote(&text, value)
	}
	text.WriteString("]")
	return text.String()
}

// quote writes a string literal. Milvus reads the escapes of Go's literals; control characters must not
// stand for themselves.
func quote(text *strings.Builder, s string) {
	text.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			text.WriteByte('\\')
			text.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(text, `\u%04x`, r)
		default:
			text.WriteRune(r)
		}
	}
	text.WriteByte('"')
}
