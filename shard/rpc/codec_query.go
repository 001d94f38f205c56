package rpc

import (
	"fmt"
	"math"

	"sagasu/api"
	"sagasu/sparse"
)

// Tags of the nodes of a query.
const (
	tagNil          = 0
	tagMatch        = 1
	tagPhrase       = 2
	tagBool         = 3
	tagTerm         = 4
	tagTerms        = 5
	tagRange        = 6
	tagExists       = 7
	tagPrefix       = 8
	tagIDs          = 9
	tagSparseVector = 10
	tagMatchAll     = 11
)

// query encodes a tree; nil is a tag of its own. What can't be sent is a sparse.ErrQuery, as it is for the
// replica that is asked without a wire between.
func (e *encoder) query(q api.Query) { e.queryAt(q, 1) }

func (e *encoder) queryAt(q api.Query, depth int) {
	if q != nil && depth > maxDepth {
		e.fail(fmt.Errorf("%w: nested deeper than %d", sparse.ErrQuery, api.MaxQueryDepth))
		return
	}
	switch q := q.(type) {
	case nil:
		e.byte(tagNil)
	case *api.Match:
		e.match(q)
	case *api.Phrase:
		e.byte(tagPhrase)
		e.fieldBoosts(q.Fields)
		e.str(q.Text)
		e.f64(q.Boost)
	case *api.Bool:
		e.boolQuery(q, depth)
	case *api.Term:
		e.byte(tagTerm)
		e.str(q.Field)
		e.scalar(&q.Value)
		e.f64(q.Boost)
	case *api.Terms:
		e.byte(tagTerms)
		e.str(q.Field)
		e.parts(len(q.Values))
		for i := range q.Values {
			e.scalar(&q.Values[i])
		}
		e.f64(q.Boost)
	case *api.Range:
		e.rangeQuery(q)
	case *api.Exists:
		e.byte(tagExists)
		e.str(q.Field)
		e.f64(q.Boost)
	case *api.Prefix:
		e.byte(tagPrefix)
		e.str(q.Field)
		e.str(q.Value)
		e.f64(q.Boost)
	case *api.IDs:
		e.byte(tagIDs)
		e.parts(len(q.Values))
		for _, id := range q.Values {
			e.str(id)
		}
		e.f64(q.Boost)
	case *api.SparseVector:
		e.byte(tagSparseVector)
		e.str(q.Field)
		e.parts(len(q.Vector))
		e.sparse(q.Vector)
		e.f64(q.Boost)
	case *api.MatchAll:
		e.byte(tagMatchAll)
		e.f64(q.Boost)
	default:
		e.fail(fmt.Errorf("%w: node of type %T can't be sent", sparse.ErrQuery, q))
	}
}

// parts writes the length of a list in a query, all of which together are bounded.
func (e *encoder) parts(n int) {
	if e.used += n; e.used > maxParts {
		e.fail(fmt.Errorf("%w: more than %d parts", sparse.ErrQuery, maxParts))
	}
	e.len(n)
}

func (e *encoder) match(q *api.Match) {
	e.byte(tagMatch)
	e.fieldBoosts(q.Fields)
	e.str(q.Text)
	switch q.Operator {
	case "":
		e.byte(0)
	case api.OperatorOr:
		e.byte(1)
	case api.OperatorAnd:
		e.byte(2)
	default:
		e.fail(fmt.Errorf("%w: operator %q", sparse.ErrQuery, q.Operator))
	}
	e.int(int64(q.Minimum))
	e.f64(q.Boost)
}

func (e *encoder) boolQuery(q *api.Bool, depth int) {
	e.byte(tagBool)
	for _, list := range [][]api.Query{q.Must, q.Should, q.MustNot, q.Filter} {
		e.parts(len(list))
		for _, sub := range list {
			e.queryAt(sub, depth+1)
		}
	}
	e.bool(q.MinimumShould != nil)
	if q.MinimumShould != nil {
		e.int(int64(*q.MinimumShould))
	}
	e.f64(q.Boost)
}

func (e *encoder) rangeQuery(q *api.Range) {
	e.byte(tagRange)
	e.str(q.Field)
	bounds := [...]*api.Scalar{q.GT, q.GTE, q.LT, q.LTE}
	flags := byte(0)
	for i, b := range bounds {
		if b != nil {
			flags |= 1 << i
		}
	}
	e.byte(flags)
	for _, b := range bounds {
		if b != nil {
			e.scalar(b)
		}
	}
	e.f64(q.Boost)
}

func (e *encoder) fieldBoosts(fields []api.FieldBoost) {
	e.parts(len(fields))
	for _, f := range fields {
		e.str(f.Field)
		e.f64(f.Boost)
	}
}

// sparse writes entries; their number comes before.
func (e *encoder) sparse(v []api.SparseEntry) {
	for _, s := range v {
		e.uint(uint64(s.Dim))
		e.f32(s.Weight)
	}
}

// scalar writes the type and the one member that goes with it.
func (e *encoder) scalar(s *api.Scalar) {
	switch s.Type {
	case api.TypeText:
		e.byte(1)
		e.str(s.Str)
	case api.TypeKeyword:
		e.byte(2)
		e.str(s.Str)
	case api.TypeInt:
		e.byte(3)
		e.int(s.Int)
	case api.TypeDate:
		e.byte(4)
		e.int(s.Int)
	case api.TypeBool:
		e.byte(5)
		e.int(s.Int)
	case api.TypeFloat:
		e.byte(6)
		e.f64(s.Float)
	default:
		e.fail(fmt.Errorf("%w: value of type %q", sparse.ErrQuery, s.Type))
	}
}

// query reads a tree; nil is one.
func (d *decoder) query() api.Query {
	tag := d.byte()
	if tag == tagNil || d.err != nil {
		return nil
	}
	if d.depth++; d.depth > maxDepth {
		d.fail("depth of a query")
		return nil
	}
	defer func() { d.depth-- }()
	switch tag {
	case tagMatch:
		return d.match()
	case tagPhrase:
		return &api.Phrase{Fields: d.fieldBoosts(), Text: d.str(), Boost: d.f64()}
	case tagBool:
		return d.boolQuery()
	case tagTerm:
		return &api.Term{Field: d.str(), Value: d.scalar(), Boost: d.f64()}
	case tagTerms:
		return d.terms()
	case tagRange:
		return d.rangeQuery()
	case tagExists:
		return &api.Exists{Field: d.str(), Boost: d.f64()}
	case tagPrefix:
		return &api.Prefix{Field: d.str(), Value: d.str(), Boost: d.f64()}
	case tagIDs:
		return &api.IDs{Values: d.strs(d.parts(1)), Boost: d.f64()}
	case tagSparseVector:
		return &api.SparseVector{Field: d.str(), Vector: d.sparse(d.parts(5)), Boost: d.f64()}
	case tagMatchAll:
		return &api.MatchAll{Boost: d.f64()}
	}
	d.fail("kind of query")
	return nil
}

// parts reads the length of a list in a query. All together are bounded, since lists in lists could each
// announce what is left of the body.
func (d *decoder) parts(size int) int {
	n := d.count(size)
	if d.used += n; d.used > maxParts {
		d.fail("number of parts of a query")
		return 0
	}
	return n
}

func (d *decoder) match() *api.Match {
	q := &api.Match{Fields: d.fieldBoosts(), Text: d.str()}
	switch d.byte() {
	case 0:
	case 1:
		q.Operator = api.OperatorOr
	case 2:
		q.Operator = api.OperatorAnd
	default:
		d.fail("operator")
	}
	q.Minimum, q.Boost = int(d.int()), d.f64()
	return q
}

func (d *decoder) boolQuery() *api.Bool {
	q := &api.Bool{}
	for _, list := range []*[]api.Query{&q.Must, &q.Should, &q.MustNot, &q.Filter} {
		n := d.parts(1)
		if n == 0 {
			continue
		}
		*list = make([]api.Query, n)
		for i := range *list {
			(*list)[i] = d.query()
		}
	}
	if d.bool() {
		n := int(d.int())
		q.MinimumShould = &n
	}
	q.Boost = d.f64()
	return q
}

func (d *decoder) terms() *api.Terms {
	q := &api.Terms{Field: d.str()}
	// The least value is a type and a byte.
	if n := d.parts(2); n > 0 {
		q.Values = make([]api.Scalar, n)
		for i := range q.Values {
			q.Values[i] = d.scalar()
		}
	}
	q.Boost = d.f64()
	return q
}

func (d *decoder) rangeQuery() *api.Range {
	q := &api.Range{Field: d.str()}
	flags := d.flags(1<<4 - 1)
	for i, bound := range []**api.Scalar{&q.GT, &q.GTE, &q.LT, &q.LTE} {
		if flags&(1<<i) != 0 {
			s := d.scalar()
			*bound = &s
		}
	}
	q.Boost = d.f64()
	return q
}

func (d *decoder) fieldBoosts() []api.FieldBoost {
	n := d.parts(9)
	if n == 0 {
		return nil
	}
	fields := make([]api.FieldBoost, n)
	for i := range fields {
		fields[i] = api.FieldBoost{Field: d.str(), Boost: d.f64()}
	}
	return fields
}

// sparse reads n entries, of at least 5 bytes each; nil for none.
func (d *decoder) sparse(n int) []api.SparseEntry {
	if n == 0 {
		return nil
	}
	v := make([]api.SparseEntry, n)
	for i := range v {
		dim := d.uint()
		if dim > math.MaxUint32 {
			d.fail("dimension")
		}
		v[i] = api.SparseEntry{Dim: uint32(dim), Weight: d.f32()}
	}
	return v
}

func (d *decoder) scalar() api.Scalar {
	switch d.byte() {
	case 1:
		return api.Scalar{Type: api.TypeText, Str: d.str()}
	case 2:
		return api.Scalar{Type: api.TypeKeyword, Str: d.str()}
	case 3:
		return api.Scalar{Type: api.TypeInt, Int: d.int()}
	case 4:
		return api.Scalar{Type: api.TypeDate, Int: d.int()}
	case 5:
		return api.Scalar{Type: api.TypeBool, Int: d.int()}
	case 6:
		return api.Scalar{Type: api.TypeFloat, Float: d.f64()}
	}
	d.fail("type of a value")
	return api.Scalar{}
}
