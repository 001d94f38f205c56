package sparse

import (
	"fmt"
	"slices"
	"sync"

	"sagasu/api"
	"sagasu/sparse/analysis"
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
	counted int
	depth   int
	// frames are those of the query's evaluation, if it is evaluated.
	frames frames
	// filters keeps sets of documents; nil if they are not kept.
	filters *filterCache
	planRooms
}

// planRooms are what clauses are made of.
type planRooms struct {
	tokens  []analysis.Token
	words   []queryTerm
	boosts  []api.FieldBoost
	bounds  room[boundTerm]
	bound   room[*boundTerm]
	places  room[place]
	matches room[matchClause]
	groups  room[matchGroup]
	terms   room[matchTerm]
	scored  room[scoredTerm]
	phrases room[phraseClause]
	slots   room[phraseSlot]
	vectors room[vectorClause]
	weights room[float64]
	keys    room[byte]
}

// release takes back what clauses are made of: the query is over.
func (r *planRooms) release() {
	clear(r.tokens)
	clear(r.words)
	clear(r.boosts)
	r.bounds.release()
	r.bound.release()
	r.places.release()
	r.matches.release()
	r.groups.release()
	r.terms.release()
	r.scored.release()
	r.phrases.release()
	r.slots.release()
	r.vectors.release()
	r.weights.release()
	r.keys.release()
}

// planners keeps planners for the next query: the room that a plan takes is most of what a query would leave behind.
var planners = sync.Pool{New: func() any { return &planner{} }}

// release ends the use of a planner, of its clauses and of its frames.
func (p *planner) release() {
	p.frames.release()
	p.planRooms.release()
	*p = planner{planRooms: p.planRooms, frames: frames{used: p.frames.used}}
	planners.Put(p)
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
	if p.counted += n; p.counted > api.MaxQueryTerms {
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
	t := p.bounds.one()
	*t = boundTerm{field: f, key: key, places: p.places.take(len(p.gen.views))}
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
		p.boosts = p.boosts[:0]
		for _, f := range p.fields.list {
			if f.shape == segment.ShapeText {
				p.boosts = append(p.boosts, api.FieldBoost{Field: f.name, Boost: 1})
			}
		}
		return p.boosts, nil
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

// distinctTerms analyses a query text; what it gives is valid until the next call.
func (p *planner) distinctTerms(f *field, text string) []queryTerm {
	p.tokens = f.analyzer.Analyze(p.tokens[:0], text)
	p.words = p.words[:0]
	for i := range p.tokens {
		term := p.tokens[i].Term
		if at := slices.IndexFunc(p.words, func(q queryTerm) bool { return q.term == term }); at >= 0 {
			p.words[at].times++
		} else if len(p.words) <= api.MaxQueryTerms {
			p.words = append(p.words, queryTerm{term: term, times: 1})
		}
	}
	return p.words
}
