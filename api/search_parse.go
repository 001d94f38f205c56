package api

import (
	"math"
	"strings"
	"time"
)

// requestParser reads the keys of a search.
type requestParser struct {
	queryParser
	req *SearchRequest
	// fields are for a query that is a text.
	fields      []FieldBoost
	queryIsText bool
	sparse      *SparseVector
	// onlySparse is set when sparse_vector stands in the place of a query.
	onlySparse bool
	modeGiven  bool
	countGiven bool
}

func (p *requestParser) key(key string) error {
	r := p.req
	var err error
	switch key {
	case "query":
		p.queryIsText = p.peek() == kindString
		start := p.pos
		r.Query, err = p.query(false)
		p.asked(p.data[start:p.pos])
	case "mode":
		err = p.mode()
	case "from":
		r.From, err = p.page()
	case "size":
		r.Size, err = p.page()
	case "filter":
		err = p.unlessNull(func() error {
			r.Filter, err = p.query(true)
			return err
		})
	case "fields":
		p.fields, err = p.fieldBoosts()
	case "vector":
		err = p.unlessNull(func() error {
			r.Vector, err = p.vector(p.schema)
			return err
		})
	case "sparse_vector":
		err = p.unlessNull(p.sparseRequest)
	case "fusion":
		err = p.object(p.fusionKey)
	case "track_total_hits":
		err = p.trackTotal()
	case "explain":
		r.Explain, err = p.bool()
	case "timeout":
		err = p.timeout()
	case "allow_partial":
		r.AllowPartial, err = p.bool()
	case "cache":
		var cache bool
		cache, err = p.bool()
		r.NoCache = !cache
	case "sequence":
		err = p.sequence()
	case "collapse":
		err = p.unlessNull(p.collapse)
	default:
		err = bad("is no part of a search (query, mode, from, size, filter, fields, vector, " +
			"sparse_vector, fusion, track_total_hits, explain, timeout, allow_partial, cache, sequence, collapse)")
	}
	return err
}

// asked keeps a query as it was put.
func (p *requestParser) asked(raw []byte) {
	text := ""
	if m, ok := p.req.Query.(*Match); ok && p.queryIsText {
		text = m.Text
	} else {
		text = string(raw[:min(len(raw), MaxAskedBytes)])
	}
	if len(text) > MaxAskedBytes {
		text = strings.Clone(text[:MaxAskedBytes])
	}
	p.req.Asked = strings.ToValidUTF8(text, "")
}

func (p *requestParser) unlessNull(read func() error) error {
	if null, err := p.null(); null || err != nil {
		return err
	}
	return read()
}

func (p *requestParser) page() (int, error) {
	n, err := p.int()
	switch {
	case err != nil:
		return 0, err
	case n < 0:
		return 0, bad("is %d, must not be negative", n)
	case n > MaxResultWindow:
		return 0, bad("is %d, but from + size may be %d at most", n, MaxResultWindow)
	}
	return int(n), nil
}

// trackTotal reads whether matches are counted, or up to how many.
func (p *requestParser) trackTotal() error {
	p.countGiven = true
	if p.peek() == kindBool {
		all, err := p.bool()
		if p.req.Count = 0; !all {
			p.req.Count = -1
		}
		return err
	}
	n, err := p.int()
	switch {
	case err != nil:
		return bad("is true, false, or the number up to which matches are counted")
	case n < 1 || n > math.MaxInt32:
		return bad("is %d, must be between 1 and %d, true or false", n, math.MaxInt32)
	}
	p.req.Count = int(n)
	return nil
}

func (p *requestParser) mode() error {
	name, err := p.string()
	if err != nil {
		return err
	}
	switch m := Mode(name); m {
	case ModeSparse, ModeDense, ModeHybrid:
		p.req.Mode, p.modeGiven = m, true
		return nil
	}
	return bad("is %q, must be hybrid, sparse or dense", clip(name))
}

func (p *requestParser) timeout() error {
	text, err := p.string()
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > MaxSearchTimeout {
		return bad("is %q, must be a duration such as 500ms, more than 0 and at most %v", clip(text), MaxSearchTimeout)
	}
	p.req.Timeout = d
	return nil
}

func (p *requestParser) fusionKey(key string) error {
	f := &p.req.Fusion
	var err error
	switch key {
	case "method":
		var name string
		if name, err = p.string(); err != nil {
			return err
		}
		f.Method = FusionMethod(name)
		if f.Method != FusionRRF && f.Method != FusionRelativeScore {
			return bad("is %q, must be rrf or relative_score", clip(name))
		}
	case "k":
		f.K, err = p.float()
		if err == nil && (f.K <= 0 || f.K > MaxFusionK) {
			return bad("is %v, must be more than 0 and at most %d", f.K, MaxFusionK)
		}
	case "window":
		f.Window, err = p.small(1, MaxFusionWindow)
	case "weights":
		return p.object(func(leg string) error {
			w, err := p.float()
			switch {
			case err != nil:
			case w < 0 || w > MaxFusionWeight:
				err = bad("is %v, must be 0 to %v", w, float64(MaxFusionWeight))
			case leg == LegSparse:
				f.Weights.Sparse = w
			case leg == LegDense:
				f.Weights.Dense = w
			default:
				err = bad("is no leg (sparse, dense)")
			}
			return err
		})
	default:
		err = bad("is no part of fusion (method, k, window, weights)")
	}
	return err
}

// sparseRequest reads {"12": 0.7}, or {"field": "s", "vector": {"12": 0.7}}. A dimension is a number, so
// the keys tell which.
func (p *requestParser) sparseRequest() error {
	if err := p.count(1); err != nil {
		return err
	}
	before := p.pos
	plain := true
	probe := scanner{data: p.data, pos: before}
	if probe.want(kindObject) == nil {
		probe.pos++
		if probe.peek() == kindString {
			key, err := probe.string()
			plain = err == nil && key != "field" && key != "vector" && key != "boost"
		}
	}
	if plain {
		entries, err := p.sparseVector()
		if err == nil && len(entries) == 0 {
			err = bad("is empty")
		}
		if err != nil {
			return err
		}
		p.sparse = &SparseVector{Vector: entries, Boost: 1}
		return p.completeSparse(p.sparse)
	}
	q, err := p.queryParser.sparse()
	if err == nil {
		p.sparse = q.(*SparseVector)
	}
	return err
}

// settle checks what concerns several keys, and brings the parts of the query together.
func (p *requestParser) settle() error {
	r := p.req
	if r.From+r.Size > MaxResultWindow {
		return badField("size", "with from makes %d, but from + size may be %d at most", r.From+r.Size, MaxResultWindow)
	}
	if r.Fusion.Window != 0 && r.Fusion.Window < r.From+r.Size {
		return badField("fusion.window", "is %d, must be at least from + size, %d", r.Fusion.Window, r.From+r.Size)
	}
	if err := p.settleCollapse(); err != nil {
		return err
	}
	if r.Size == 0 && !p.countGiven {
		r.Count = 0 // who asks for nothing else wants all of it
	}
	if r.Fusion.Weights.Sparse == 0 && r.Fusion.Weights.Dense == 0 {
		return badField("fusion.weights", "are all 0")
	}
	if p.fields != nil {
		if !p.queryIsText {
			return badField("fields", "goes with a query that is a text; a query object names its own fields")
		}
		r.Query.(*Match).Fields = p.fields
	}
	if match, ok := r.Query.(*Match); ok {
		r.Text = match.Text
	}
	if p.sparse != nil {
		p.onlySparse = r.Query == nil
		if p.onlySparse {
			r.Query = p.sparse
		} else {
			r.Query = &Bool{Should: []Query{r.Query, p.sparse}, Boost: 1}
		}
	}
	return p.settleMode()
}

// settleMode finds the mode if none is given, and sees that its legs have what they need.
func (p *requestParser) settleMode() error {
	r := p.req
	if !p.modeGiven {
		switch {
		case p.schema.Dense == nil, p.onlySparse && r.Vector == nil:
			r.Mode = ModeSparse
		case r.Query == nil && r.Vector != nil:
			r.Mode = ModeDense
		default:
			r.Mode = ModeHybrid
		}
	}
	if r.Query == nil && (r.Mode != ModeDense || r.Vector == nil) {
		return badField("query", "is missing")
	}
	if r.Mode == ModeSparse {
		r.Text, r.Vector = "", nil
		return nil
	}
	if p.schema.Dense == nil {
		return badField("mode", "is %s, but the index has no dense leg", r.Mode)
	}
	if r.Vector != nil {
		r.Text = ""
		return nil
	}
	if r.Text == "" {
		return badField("query", "has no text for the dense leg: give a text, a match at the top, or a vector, "+
			"or choose mode sparse")
	}
	return nil
}

// sequence reads a token, or a list of them.
func (p *requestParser) sequence() error {
	if p.peek() == kindString {
		token, err := p.string()
		p.req.Sequence = []string{token}
		return err
	}
	return p.array(func(i int) error {
		if i >= MaxSequences {
			return bad("has more than %d tokens; of one shard only the last matters", MaxSequences)
		}
		token, err := p.string()
		p.req.Sequence = append(p.req.Sequence, token)
		return err
	})
}
