package sparse

import (
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/sparse/segment"
)

// clause is a part of a query, resolved against the schema and one generation. bind gives its
// evaluation on one view; a clause is bound to each view once.
type clause interface {
	bind(at int, v *view) (node, error)
}

// node evaluates a clause on one view, windows in ascending order.
type node interface {
	// eval sets out to what the clause says of the documents [base, base+windowDocs).
	eval(base uint32, out *frame) error
}

// planner resolves queries.
type planner struct {
	fields *fieldSet
	gen    *generation
	// global are the statistics to score with; nil for those of gen.
	global *Statistics
	// scoring is called with each term whose document frequency a score needs, possibly repeated; nil if
	// nobody asks.
	scoring func(TermKey)
	terms   int
	depth   int
	// frames are those of the query's evaluation, if it is evaluated.
	frames frames
	// filters keeps sets of documents; nil if they are not kept.
	filters *filterCache
}

// plan resolves a query. scored says whether anybody asks for its scores.
func (p *planner) plan(q api.Query, scored bool) (clause, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > api.MaxQueryDepth+1 {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrQuery, api.MaxQueryDepth)
	}
	switch q := q.(type) {
	case *api.Match:
		return p.match(q, scored)
	case *api.Phrase:
		return p.phrase(q, scored)
	case *api.Bool:
		return p.bool(q, scored)
	case *api.SparseVector:
		return p.sparseVector(q)
	case *api.Term:
		if f, err := p.fields.get(q.Field); err != nil {
			return nil, err
		} else if f.shape == segment.ShapeText {
			return p.textTerm(f, q, scored)
		}
	}
	return p.set(q)
}

// count counts terms against the limit.
func (p *planner) count(n int) error {
	if p.terms += n; p.terms > api.MaxQueryTerms {
		return fmt.Errorf("%w: more than %d terms", ErrQuery, api.MaxQueryTerms)
	}
	return nil
}

// boundTerm is a key of a field, looked up in every view.
type boundTerm struct {
	field *field
	key   string
	// df is the number of live documents here.
	df     uint64
	places []place // by view
}

// lookUp finds a key in every view.
func (p *planner) lookUp(f *field, key string) (*boundTerm, error) {
	t := &boundTerm{field: f, key: key, places: make([]place, len(p.gen.views))}
	for i, v := range p.gen.views {
		at, df, err := v.find(f, key)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.name, err)
		}
		t.places[i] = at
		t.df += uint64(df)
	}
	return t, nil
}

// scorer scores the term with a boost.
func (p *planner) scorer(t *boundTerm, boost float64) scorer {
	stats := p.statistics(t.field)
	return newScorer(t.field, stats, boost*p.idf(t, stats))
}

// idf is the inverse document frequency of the term, in a field with the statistics.
func (p *planner) idf(t *boundTerm, stats FieldStatistics) float64 {
	key := TermKey{Field: t.field.name, Term: t.key}
	if p.scoring != nil {
		p.scoring(key)
	}
	df := t.df
	if p.global != nil {
		df = max(df, p.global.Terms[key])
	}
	return idf(stats.Docs, df)
}

// statistics gives those of a field to score with. Global ones may be older than gen: they count at least
// what gen holds.
func (p *planner) statistics(f *field) FieldStatistics {
	stats := p.gen.stats[f.ordinal]
	if p.global != nil {
		global := p.global.Fields[f.name]
		stats.Docs, stats.Tokens = max(stats.Docs, global.Docs), max(stats.Tokens, global.Tokens)
	}
	return stats
}

// textFields resolves the fields of a match or phrase; none means every text field.
func (p *planner) textFields(named []api.FieldBoost) ([]api.FieldBoost, error) {
	if len(named) == 0 {
		for _, f := range p.fields.list {
			if f.shape == segment.ShapeText {
				named = append(named, api.FieldBoost{Field: f.name, Boost: 1})
			}
		}
		return named, nil
	}
	for _, n := range named {
		if _, err := p.fields.text(n.Field); err != nil {
			return nil, err
		}
	}
	return named, nil
}

// queryTerm is a distinct term of a query text and how often it occurs there.
type queryTerm struct {
	term  string
	times int
}

// distinctTerms analyses a query text.
func distinctTerms(f *field, text string) []queryTerm {
	var out []queryTerm
	for _, t := range f.analyzer.Analyze(nil, text) {
		if i := slices.IndexFunc(out, func(q queryTerm) bool { return q.term == t.Term }); i >= 0 {
			out[i].times++
		} else if len(out) <= api.MaxQueryTerms {
			out = append(out, queryTerm{term: t.Term, times: 1})
		}
	}
	return out
}
