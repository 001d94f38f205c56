package api

import "time"

// Mode says which legs a search uses.
type Mode string

// The modes of a search.
const (
	// ModeHybrid fuses the sparse and the dense leg; the default of an index with a dense leg.
	ModeHybrid Mode = "hybrid"
	// ModeSparse is lexical: BM25 and learned sparse vectors.
	ModeSparse Mode = "sparse"
	// ModeDense is by the embedding alone.
	ModeDense Mode = "dense"
)

// The names of the legs, in weights, explanations, degradations and metrics.
const (
	LegSparse = "sparse"
	LegDense  = "dense"
)

// FusionMethod names a way to fuse legs.
type FusionMethod string

// The methods of fusion.
const (
	FusionRRF           FusionMethod = "rrf"
	FusionRelativeScore FusionMethod = "relative_score"
)

// Weights multiply the legs' shares.
type Weights struct {
	Sparse float64 `json:"sparse"`
	Dense  float64 `json:"dense"`
}

// Fusion says how legs are fused.
type Fusion struct {
	Method FusionMethod `json:"method"`
	// K is the constant of reciprocal rank fusion; not used by relative_score.
	K float64 `json:"k"`
	// Window is the number of best hits of each leg that take part; in a request, 0 is the default
	// max(100, 4*(from+size)).
	Window  int     `json:"window"`
	Weights Weights `json:"weights"`
}

// SearchRequest is a parsed search.
type SearchRequest struct {
	// Query is scored in the sparse leg; nil only if no sparse leg is asked for. A sparse_vector of the
	// request is part of it, as a should clause beside the query.
	Query Query
	// Text is what the dense leg embeds: the query's text, or that of a match at the top; "" if the
	// request brings a vector or no dense leg is asked for.
	Text string
	Mode Mode
	// From is the number of hits to pass over, Size the number to return; 0 only counts.
	From, Size int
	// Filter restricts both legs; nil for none.
	Filter Query
	// Only selects the documents that exist for whoever asks, beside Filter; nil for all. Clients can't set it.
	Only Query
	// Vector is the query's embedding if the client brought it, of the index's dimensions.
	Vector []float32
	Fusion Fusion
	// Count is up to how many matches of the sparse leg are counted: 0 counts all, a negative number none.
	Count int
	// Explain asks for the rank, score and share of each hit in each leg.
	Explain bool
	// Timeout is greater than 0 and at most MaxSearchTimeout.
	Timeout time.Duration
	// Sequence are tokens of writes that the search must see; see WriteResult.Sequence.
	Sequence []string
	// AllowPartial is false if the client would have an error rather than a degraded answer.
	AllowPartial bool
	// Asked is the query as the client put it, for logs: its text, or the query object; cut to MaxAskedBytes.
	Asked string
	// NoCache is true if the client would have the search run although its answer is known.
	NoCache bool
	// Collapse groups the hits by document; nil for none.
	Collapse *Collapse
}

// ParseSearchRequest reads the body of a search. Its errors are *Problem, with the path in the body.
func ParseSearchRequest(schema *Schema, data []byte) (*SearchRequest, error) {
	s := &scanner{data: data}
	p := &requestParser{
		queryParser: queryParser{scanner: s, schema: schema},
		req: &SearchRequest{
			Size: DefaultSize, Count: DefaultCount, Timeout: DefaultSearchTimeout, AllowPartial: true,
			Fusion: Fusion{Method: FusionRRF, K: DefaultFusionK, Weights: Weights{Sparse: 1, Dense: 1}},
		},
	}
	err := p.object(p.key)
	if err == nil {
		err = p.end()
	}
	if err == nil {
		err = p.settle()
	}
	if err != nil {
		return nil, complete(ProblemRequest, err)
	}
	return p.req, nil
}

// ParseCountRequest reads {"query": .., "filter": ..}, both optional, as one query; nothing at all, or
// neither, is nil: every document.
func ParseCountRequest(schema *Schema, data []byte) (Query, error) {
	s := &scanner{data: data}
	if s.space(); s.pos == len(data) {
		return nil, nil
	}
	p := &queryParser{scanner: s, schema: schema}
	both := &Bool{Boost: 1}
	err := p.object(func(key string) error {
		var q Query
		var err error
		switch key {
		case "query":
			q, err = p.query(false)
		case "filter":
			q, err = p.query(true)
		default:
			return bad("is no part of a count (query, filter)")
		}
		both.Filter = append(both.Filter, q)
		return err
	})
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
		return nil, complete(ProblemRequest, err)
	case len(both.Filter) == 0:
		return nil, nil
	case len(both.Filter) == 1:
		return both.Filter[0], nil
	}
	return both, nil
}
