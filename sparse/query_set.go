package sparse

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/api"
	"sagasu/sparse/segment"
)

// setClause matches a set of documents with a constant score.
type setClause struct {
	boost float64
	// gather adds a view's documents to the set.
	gather func(v *view, set *docSet) error
	// key names the set, for filters to be kept; empty if it is not to be.
	key   string
	cache *filterCache
}

// kept makes the sets of the clause be kept under a key.
func (p *planner) kept(c *setClause, f *field, format string, args ...any) *setClause {
	c.key, c.cache = fmt.Sprintf("%d ", f.ordinal)+fmt.Sprintf(format, args...), p.filters
	return c
}

// docSet is a set of documents of one view.
type docSet struct{ words []uint64 }

func (s *docSet) add(doc uint32) {
	// A memory segment may hold documents beyond the view; they are nobody's concern.
	if at := int(doc >> 6); at < len(s.words) {
		s.words[at] |= 1 << (doc & 63)
	}
}

func (s *docSet) addAll(docs []uint32) {
	for _, doc := range docs {
		s.add(doc)
	}
}

func (s *docSet) addBitmap(b *roaring.Bitmap) {
	for it := b.Iterator(); it.HasNext(); {
		s.add(it.Next())
	}
}

func (s *docSet) addPostings(p segment.Postings) error {
	for p.NextBlock() {
		s.addAll(p.Docs())
	}
	return p.Err()
}

func (c *setClause) bind(_ int, v *view) (node, error) {
	key := filterKey{v.part.number, c.key}
	keep := c.cache != nil && c.key != "" && v.part.file != nil
	if keep {
		if words, ok := c.cache.get(key); ok {
			return &setNode{words: words, docs: v.docs, boost: c.boost}, nil
		}
	}
	set := &docSet{words: make([]uint64, (v.docs+63)/64)}
	if err := c.gather(v, set); err != nil {
		return nil, err
	}
	if keep {
		c.cache.put(key, set.words)
	}
	return &setNode{words: set.words, docs: v.docs, boost: c.boost}, nil
}

type setNode struct {
	words []uint64
	docs  uint32
	boost float64
}

func (n *setNode) eval(base uint32, out *frame) error {
	out.match.slice(n.words, base)
	if out.scores != nil {
		for i := range min(n.docs-base, windowDocs) {
			out.scores[i] = n.boost
		}
	}
	return nil
}

// set plans the queries whose score is constant.
func (p *planner) set(q api.Query) (clause, error) {
	switch q := q.(type) {
	case *api.MatchAll:
		return &setClause{boost: q.Boost, gather: gatherAll}, nil
	case *api.IDs:
		return &setClause{boost: q.Boost, gather: gatherIDs(q.Values)}, nil
	case *api.Exists:
		f, err := p.fields.get(q.Field)
		if err != nil {
			return nil, err
		}
		return &setClause{boost: q.Boost, gather: gatherExists(f)}, nil
	case *api.Term:
		return p.values(q.Field, []api.Scalar{q.Value}, q.Boost)
	case *api.Terms:
		return p.values(q.Field, q.Values, q.Boost)
	case *api.Prefix:
		return p.prefix(q)
	case *api.Range:
		return p.rangeOf(q)
	case nil:
		return nil, fmt.Errorf("%w: empty clause", ErrQuery)
	}
	return nil, fmt.Errorf("%w: %T is not a query", ErrQuery, q)
}

func gatherAll(v *view, set *docSet) error {
	for doc := range v.docs {
		set.add(doc)
	}
	return nil
}

func gatherIDs(ids []string) func(*view, *docSet) error {
	return func(v *view, set *docSet) error {
		for _, id := range ids {
			if doc, ok := v.lookup(id); ok {
				set.add(doc)
			}
		}
		return nil
	}
}

func gatherExists(f *field) func(*view, *docSet) error {
	return func(v *view, set *docSet) error {
		if v.part.mem != nil {
			set.addAll(v.part.mem.columns[f.ordinal].holders())
			return nil
		}
		set.addBitmap(v.part.file.Column(f.ordinal).Exists())
		return nil
	}
}

// values matches documents that hold one of the values.
func (p *planner) values(name string, values []api.Scalar, boost float64) (clause, error) {
	f, err := p.fields.get(name)
	if err != nil {
		return nil, err
	}
	if err := p.count(len(values)); err != nil {
		return nil, err
	}
	switch f.shape {
	case segment.ShapeText, segment.ShapeKeyword:
		return p.kept(&setClause{boost: boost, gather: func(v *view, set *docSet) error {
			for _, value := range values {
				at, _, err := v.find(f, value.Str)
				if err != nil {
					return err
				}
				if !at.held {
					continue
				}
				if err := set.addPostings(v.open(f, at)); err != nil {
					return err
				}
			}
			return nil
		}}, f, "values %q", stringsOf(values)), nil
	case segment.ShapePoints:
		points := pointsOf(f, values)
		return p.kept(&setClause{boost: boost, gather: func(v *view, set *docSet) error {
			for _, x := range points {
				gatherBetween(v, f, x, x, set)
			}
			return nil
		}}, f, "points %d", points), nil
	case segment.ShapeSparse:
	}
	return nil, fmt.Errorf("%w: field %q is %s, which has no terms", ErrQuery, name, f.kind)
}

// pointOf gives a scalar as it is kept in a numeric field.
func pointOf(f *field, s api.Scalar) int64 {
	if f.kind == api.TypeFloat {
		return sortableFloat(s.Float)
	}
	return s.Int
}

func pointsOf(f *field, values []api.Scalar) []int64 {
	out := make([]int64, len(values))
	for i, value := range values {
		out[i] = pointOf(f, value)
	}
	return out
}

func stringsOf(values []api.Scalar) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = value.Str
	}
	return out
}

func gatherBetween(v *view, f *field, low, high int64, set *docSet) {
	if v.part.mem == nil {
		v.part.file.Column(f.ordinal).Between(low, high, set.add)
		return
	}
	values, docs := v.part.mem.columns[f.ordinal].Points()
	for i, x := range values {
		if x >= low && x <= high {
			set.add(docs[i])
		}
	}
}

func (p *planner) prefix(q *api.Prefix) (clause, error) {
	f, err := p.fields.get(q.Field)
	if err != nil {
		return nil, err
	}
	if f.shape != segment.ShapeKeyword && f.shape != segment.ShapeText {
		return nil, fmt.Errorf("%w: field %q is %s, prefix needs keyword or text", ErrQuery, q.Field, f.kind)
	}
	within := keyRange{low: []byte(q.Value), prefix: q.Value}
	return p.kept(&setClause{boost: q.Boost, gather: within.gather(f)}, f, "prefix %q", q.Value), nil
}

func (p *planner) rangeOf(q *api.Range) (clause, error) {
	f, err := p.fields.get(q.Field)
	if err != nil {
		return nil, err
	}
	switch f.shape {
	case segment.ShapeKeyword:
		within := keyRangeOf(q)
		return p.kept(&setClause{boost: q.Boost, gather: within.gather(f)}, f, "keys %q %q", within.low, within.high), nil
	case segment.ShapePoints:
		low, high, ok := pointRange(f, q)
		return p.kept(&setClause{boost: q.Boost, gather: func(v *view, set *docSet) error {
			if ok {
				gatherBetween(v, f, low, high, set)
			}
			return nil
		}}, f, "between %d %d %v", low, high, ok), nil
	case segment.ShapeText, segment.ShapeSparse:
	}
	return nil, fmt.Errorf("%w: field %q is %s, which has no ranges", ErrQuery, q.Field, f.kind)
}

// pointRange gives the inclusive bounds, ok false for a range that nothing can be in.
func pointRange(f *field, q *api.Range) (low, high int64, ok bool) {
	low, high = math.MinInt64, math.MaxInt64
	if q.GTE != nil {
		low = max(low, pointOf(f, *q.GTE))
	}
	if q.GT != nil {
		x := pointOf(f, *q.GT)
		if x == math.MaxInt64 {
			return 0, 0, false
		}
		low = max(low, x+1)
	}
	if q.LTE != nil {
		high = min(high, pointOf(f, *q.LTE))
	}
	if q.LT != nil {
		x := pointOf(f, *q.LT)
		if x == math.MinInt64 {
			return 0, 0, false
		}
		high = min(high, x-1)
	}
	return low, high, low <= high
}

// keyRange is a set of keys of a dictionary.
type keyRange struct {
	low    []byte // inclusive, nil is open
	high   []byte // exclusive, nil is open
	prefix string
}

// keyRangeOf turns bounds on strings into [low, high): the string after s is s and a zero byte.
func keyRangeOf(q *api.Range) keyRange {
	var r keyRange
	after := func(s *api.Scalar) []byte { return append([]byte(s.Str), 0) }
	raise := func(b []byte) {
		if r.low == nil || bytes.Compare(b, r.low) > 0 {
			r.low = b
		}
	}
	lower := func(b []byte) {
		if r.high == nil || bytes.Compare(b, r.high) < 0 {
			r.high = b
		}
	}
	if q.GTE != nil {
		raise([]byte(q.GTE.Str))
	}
	if q.GT != nil {
		raise(after(q.GT))
	}
	if q.LT != nil {
		lower([]byte(q.LT.Str))
	}
	if q.LTE != nil {
		lower(after(q.LTE))
	}
	return r
}

func (r keyRange) has(key string) bool {
	return key >= string(r.low) && (r.high == nil || key < string(r.high)) && strings.HasPrefix(key, r.prefix)
}

func (r keyRange) gather(f *field) func(*view, *docSet) error {
	return func(v *view, set *docSet) error {
		if r.high != nil && bytes.Compare(r.low, r.high) >= 0 {
			return nil
		}
		if v.part.mem != nil {
			col := v.part.mem.columns[f.ordinal]
			for _, key := range col.sortedKeys(r.has) {
				if err := set.addPostings(col.view(col.find(key), v.docs)); err != nil {
					return err
				}
			}
			return nil
		}
		entries := v.part.file.Column(f.ordinal).Range(r.low, r.high)
		for entries.Next() && bytes.HasPrefix(entries.Key(), []byte(r.prefix)) {
			if err := set.addPostings(entries.Postings()); err != nil {
				return err
			}
		}
		return entries.Err()
	}
}
