package sparse

import (
	"cmp"
	"slices"

	"sagasu/api"
	"sagasu/sparse/analysis"
)

// Vocabulary tells what statistics a query needs, without an index; safe for concurrent use.
type Vocabulary struct {
	fields *fieldSet
	// empty stands for the index: planning over it finds nothing and asks for the same terms.
	empty *generation
}

// NewVocabulary makes the vocabulary of indexes with the schema. It fails where the schema names an analyzer
// that is not there.
func NewVocabulary(schema api.Schema, analyzers *analysis.Registry) (*Vocabulary, error) {
	fields, err := newFieldSet(schema, analyzers)
	if err != nil {
		return nil, err
	}
	return &Vocabulary{fields: fields, empty: &generation{stats: make([]FieldStatistics, len(fields.list))}}, nil
}

// Terms gives the distinct terms whose document frequencies the scores of a query need, ascending by field and
// term; nil, as in Request, needs none. Not those of filters and of must_not, which are not scored. At most
// api.MaxQueryTerms. ErrQuery for a query that Search would refuse.
func (v *Vocabulary) Terms(q api.Query) ([]TermKey, error) {
	if q == nil {
		return nil, nil
	}
	var keys []TermKey
	p := &planner{fields: v.fields, gen: v.empty, scoring: func(key TermKey) { keys = append(keys, key) }}
	if _, err := p.plan(q, true); err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b TermKey) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Term, b.Term))
	})
	return slices.Compact(keys), nil
}
