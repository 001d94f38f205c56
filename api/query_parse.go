package api

import "strings"

// ParseQuery reads a scored query: a text, which becomes a match over all text fields, or an object
// with one key that names the kind of query. Scalars are converted to their field's type. Its errors
// are *Problem, with the path inside the query.
func ParseQuery(schema *Schema, data []byte) (Query, error) {
	return parseWholeQuery(schema, data, false)
}

// ParseFilter is ParseQuery for a query that selects without scoring; it must be an object.
func ParseFilter(schema *Schema, data []byte) (Query, error) {
	return parseWholeQuery(schema, data, true)
}

func parseWholeQuery(schema *Schema, data []byte, filter bool) (Query, error) {
	p := &queryParser{scanner: &scanner{data: data}, schema: schema}
	q, err := p.query(filter)
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, complete(ProblemQuery, err)
	}
	return q, nil
}

// queryParser reads query trees; its counts bound the tree as a whole.
type queryParser struct {
	*scanner
	schema  *Schema
	depth   int
	terms   int
	clauses int
	// inFilter counts the filter and must_not lists around the present node.
	inFilter int
}

// query reads a text or a node; filter says that it doesn't score.
func (p *queryParser) query(filter bool) (Query, error) {
	if filter {
		p.inFilter++
		defer func() { p.inFilter-- }()
		return p.node()
	}
	if p.peek() != kindString {
		return p.node()
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	return &Match{Text: text, Operator: OperatorOr, Boost: 1}, nil
}

// node reads an object with exactly one key.
func (p *queryParser) node() (Query, error) {
	if p.depth++; p.depth > MaxQueryDepth {
		return nil, bad("is nested deeper than %d", MaxQueryDepth)
	}
	defer func() { p.depth-- }()
	if p.inFilter > 0 {
		if p.clauses++; p.clauses > MaxFilterClauses {
			return nil, bad("has more than %d filter clauses", MaxFilterClauses)
		}
	}
	var q Query
	err := p.object(func(key string) error {
		if q != nil {
			return bad("is a second key: a query object has exactly one")
		}
		var err error
		q, err = p.body(key)
		return err
	})
	if err == nil && q == nil {
		err = bad("is an empty object, must name one kind of query (%s)", queryKinds)
	}
	return q, err
}

const queryKinds = "match, phrase, bool, term, terms, range, exists, prefix, ids, sparse_vector, match_all"

func (p *queryParser) body(key string) (Query, error) {
	if key != "bool" {
		if err := p.count(1); err != nil {
			return nil, err
		}
	}
	switch key {
	case "match":
		return p.match()
	case "phrase":
		return p.phrase()
	case "bool":
		return p.boolean()
	case "term":
		return p.term()
	case "terms":
		return p.termsList()
	case "range":
		return p.rangeQuery()
	case "exists":
		return p.exists()
	case "prefix":
		return p.prefix()
	case "ids":
		return p.ids()
	case "sparse_vector":
		return p.sparse()
	case "match_all":
		q := &MatchAll{Boost: 1}
		return q, p.object(func(key string) error { return p.option(key, &q.Boost, "boost") })
	}
	return nil, bad("is no kind of query (%s)", queryKinds)
}

// count bounds the terms of the whole query.
func (p *queryParser) count(terms int) error {
	if p.terms += terms; p.terms > MaxQueryTerms {
		return bad("brings the query to more than %d terms", MaxQueryTerms)
	}
	return nil
}

// text reads a text to be searched. Its words by white space bound it here; what analysis makes of
// it is bounded again where it is analysed.
func (p *queryParser) text() (string, error) {
	text, err := p.string()
	if err != nil {
		return "", err
	}
	words := len(strings.Fields(text))
	if words == 0 {
		return "", bad("is empty")
	}
	return text, p.count(words - 1)
}

// option reads boost, the only key left that a node may have; allowed names the others.
func (p *queryParser) option(key string, boost *float64, allowed string) error {
	if key != "boost" {
		return bad("is not known here (%s)", allowed)
	}
	f, err := p.float()
	if err != nil {
		return err
	}
	if f < 0 || f > MaxBoost {
		return bad("is %v, must be 0 to %v", f, float64(MaxBoost))
	}
	*boost = f
	return nil
}

// field looks a field up that must be of one of the types; none means any.
func (p *queryParser) field(name string, types ...FieldType) (FieldType, error) {
	f, ok := p.schema.Fields[name]
	if !ok {
		return "", bad("names %q, which is no field of the index", clip(name))
	}
	if len(types) == 0 {
		return f.Type, nil
	}
	names := make([]string, len(types))
	for i, t := range types {
		if t == f.Type {
			return t, nil
		}
		names[i] = string(t)
	}
	return "", bad("names %q, a field of type %s; this takes %s", clip(name), f.Type, strings.Join(names, ", "))
}

func (p *queryParser) boolean() (Query, error) {
	q := &Bool{Boost: 1}
	err := p.object(func(key string) error {
		switch key {
		case "must":
			return p.list(&q.Must, false)
		case "should":
			return p.list(&q.Should, false)
		case "must_not":
			return p.list(&q.MustNot, true)
		case "filter":
			return p.list(&q.Filter, true)
		case "minimum_should", "minimum_should_match":
			if q.MinimumShould != nil {
				return bad("is given twice")
			}
			n, err := p.small(0, MaxQueryTerms)
			q.MinimumShould = &n
			return err
		}
		return p.option(key, &q.Boost, "must, should, must_not, filter, minimum_should, boost")
	})
	if err != nil {
		return nil, err
	}
	if len(q.Must)+len(q.Should)+len(q.MustNot)+len(q.Filter) == 0 {
		return nil, bad("has no clauses")
	}
	if q.MinimumShould != nil && *q.MinimumShould > len(q.Should) {
		return nil, badField("minimum_should", "is %d, but there are %d should clauses",
			*q.MinimumShould, len(q.Should))
	}
	if len(q.Must)+len(q.Should)+len(q.Filter) == 0 {
		// What is only negative selects from everything; said so that no reader has to know.
		q.Filter = []Query{&MatchAll{Boost: 1}}
	}
	return q, nil
}

// list reads an array of queries, or one.
func (p *queryParser) list(into *[]Query, filter bool) error {
	read := func(int) error {
		if filter || p.inFilter > 0 {
			p.inFilter++
			defer func() { p.inFilter-- }()
		}
		q, err := p.node()
		*into = append(*into, q)
		return err
	}
	if p.peek() == kindArray {
		return p.array(read)
	}
	return read(0)
}

// small reads an integer from least to most.
func (s *scanner) small(least, most int) (int, error) {
	n, err := s.int()
	if err == nil && (n < int64(least) || n > int64(most)) {
		return 0, bad("is %d, must be %d to %d", n, least, most)
	}
	return int(n), err
}
