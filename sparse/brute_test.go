package sparse

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"sagasu/api"
	"sagasu/sparse/analysis"
)

// brute is the truth that the engine is held to: documents in a map, every one scored for every query.
type brute struct {
	fields  *fieldSet
	docs    map[string]*bruteDoc
	version uint64
	// counted keeps what is counted over all documents until the next write.
	counted map[TermKey][2]int
}

type bruteDoc struct {
	doc     api.Document
	version uint64
	tokens  map[string][]analysis.Token
}

func newBrute(fields *fieldSet) *brute { return &brute{fields: fields, docs: map[string]*bruteDoc{}} }

func (b *brute) apply(w *api.Write) Outcome {
	old := b.docs[w.Doc.ID]
	present := uint64(0)
	if old != nil {
		present = old.version
	}
	switch {
	case w.IfVersion != nil && *w.IfVersion != present, w.Kind == api.OpCreate && old != nil:
		return Outcome{Status: api.StatusConflict, Version: present}
	case w.Kind == api.OpDelete && old == nil:
		return Outcome{Status: api.StatusNotFound}
	}
	b.version++
	b.counted = map[TermKey][2]int{}
	if w.Kind == api.OpDelete {
		delete(b.docs, w.Doc.ID)
		return Outcome{Status: api.StatusDeleted, Version: b.version}
	}
	d := &bruteDoc{doc: w.Doc, version: b.version, tokens: map[string][]analysis.Token{}}
	for _, v := range w.Doc.Values {
		if f := b.fields.byName[v.Field]; f.kind == api.TypeText {
			base := 0
			for _, text := range v.Strings {
				last := base
				for _, t := range f.analyzer.Analyze(nil, text) {
					t.Position += base
					last = t.Position + positionGap
					d.tokens[v.Field] = append(d.tokens[v.Field], t)
				}
				base = last
			}
		}
	}
	b.docs[w.Doc.ID] = d
	if old != nil {
		return Outcome{Status: api.StatusUpdated, Version: b.version}
	}
	return Outcome{Status: api.StatusCreated, Version: b.version}
}

func (b *brute) search(q, filter api.Query, k int) TopDocs {
	var out TopDocs
	for id, d := range b.docs {
		ok, score := b.eval(q, d)
		if ok && filter != nil {
			ok, _ = b.eval(filter, d)
		}
		if ok {
			out.Hits = append(out.Hits, Hit{ID: id, Score: score, Version: d.version})
		}
	}
	out.Total = len(out.Hits)
	slices.SortFunc(out.Hits, func(a, b Hit) int {
		if a.Score != b.Score {
			if a.Score > b.Score {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	out.Hits = out.Hits[:min(k, len(out.Hits))]
	return out
}

func (b *brute) eval(q api.Query, d *bruteDoc) (bool, float64) {
	switch q := q.(type) {
	case *api.Match:
		return b.match(q, d)
	case *api.Phrase:
		return b.phrase(q, d)
	case *api.Bool:
		return b.bool(q, d)
	case *api.SparseVector:
		ok, sum := false, 0.0
		if v := d.doc.Value(q.Field); v != nil {
			for _, e := range q.Vector {
				for _, x := range v.Sparse {
					if x.Dim == e.Dim {
						ok = true
						sum += q.Boost * float64(e.Weight) * float64(x.Weight)
					}
				}
			}
		}
		return ok, sum
	case *api.Term:
		if b.fields.byName[q.Field].kind == api.TypeText {
			tf := d.freq(q.Field, q.Value.Str)
			if tf == 0 {
				return false, 0
			}
			return true, b.bm25(q.Field, b.idf(q.Field, q.Value.Str)*q.Boost, tf, d)
		}
		return b.holds(d, q.Field, func(x api.Scalar) bool { return equal(x, q.Value) }), q.Boost
	case *api.Terms:
		return b.holds(d, q.Field, func(x api.Scalar) bool {
			return slices.ContainsFunc(q.Values, func(v api.Scalar) bool { return equal(x, v) })
		}), q.Boost
	case *api.Range:
		return b.holds(d, q.Field, func(x api.Scalar) bool {
			return (q.GT == nil || compare(x, *q.GT) > 0) && (q.GTE == nil || compare(x, *q.GTE) >= 0) &&
				(q.LT == nil || compare(x, *q.LT) < 0) && (q.LTE == nil || compare(x, *q.LTE) <= 0)
		}), q.Boost
	case *api.Exists:
		if b.fields.byName[q.Field].kind == api.TypeText {
			return len(d.tokens[q.Field]) > 0, q.Boost
		}
		return d.doc.Value(q.Field) != nil, q.Boost
	case *api.Prefix:
		return b.holds(d, q.Field, func(x api.Scalar) bool { return strings.HasPrefix(x.Str, q.Value) }), q.Boost
	case *api.IDs:
		return slices.Contains(q.Values, d.doc.ID), q.Boost
	case *api.MatchAll:
		return true, q.Boost
	}
	panic("unknown query")
}

// holds reports whether the document has a value (of a text field: a term) that fn accepts.
func (b *brute) holds(d *bruteDoc, field string, fn func(api.Scalar) bool) bool {
	for _, t := range d.tokens[field] {
		if fn(api.Scalar{Str: t.Term}) {
			return true
		}
	}
	v := d.doc.Value(field)
	if v == nil || b.fields.byName[field].kind == api.TypeText {
		return false
	}
	for _, s := range v.Strings {
		if fn(api.Scalar{Str: s}) {
			return true
		}
	}
	for _, x := range v.Ints {
		if fn(api.Scalar{Int: x}) {
			return true
		}
	}
	for _, x := range v.Floats {
		if fn(api.Scalar{Float: x}) {
			return true
		}
	}
	return false
}

func equal(a, b api.Scalar) bool { return compare(a, b) == 0 }

func compare(a, b api.Scalar) int {
	switch {
	case a.Int != b.Int:
		return map[bool]int{true: -1, false: 1}[a.Int < b.Int]
	case a.Float != b.Float:
		return map[bool]int{true: -1, false: 1}[a.Float < b.Float]
	}
	return bytes.Compare([]byte(a.Str), []byte(b.Str))
}

func (d *bruteDoc) freq(field, term string) int {
	n := 0
	for _, t := range d.tokens[field] {
		if t.Term == term {
			n++
		}
	}
	return n
}

// count gives the sum over all documents of what of gives, which is kept under the key.
func (b *brute) count(key TermKey, of func(d *bruteDoc) (x, y int)) (x, y int) {
	sum, ok := b.counted[key]
	if !ok {
		for _, d := range b.docs {
			x, y := of(d)
			sum[0], sum[1] = sum[0]+x, sum[1]+y
		}
		if b.counted != nil {
			b.counted[key] = sum
		}
	}
	return sum[0], sum[1]
}

func (b *brute) idf(field, term string) float64 {
	n, df := b.count(TermKey{field, term}, func(d *bruteDoc) (has, holds int) {
		return min(1, len(d.tokens[field])), min(1, d.freq(field, term))
	})
	return math.Log(1 + (float64(n-df)+0.5)/(float64(df)+0.5))
}

func (b *brute) bm25(field string, weight float64, tf int, d *bruteDoc) float64 {
	f := b.fields.byName[field]
	docs, tokens := b.count(TermKey{field, ""}, func(d *bruteDoc) (has, tokens int) {
		return min(1, len(d.tokens[field])), len(d.tokens[field])
	})
	slope := f.k1 * f.b * float64(docs) / float64(tokens)
	norm := f.k1*(1-f.b) + slope*float64(len(d.tokens[field]))
	return weight * float64(tf) / (float64(tf) + norm)
}

func (b *brute) boosts(fields []api.FieldBoost) []api.FieldBoost {
	if len(fields) > 0 {
		return fields
	}
	for _, f := range b.fields.list {
		if f.kind == api.TypeText {
			fields = append(fields, api.FieldBoost{Field: f.name, Boost: 1})
		}
	}
	return fields
}

func (b *brute) match(q *api.Match, d *bruteDoc) (bool, float64) {
	fields := b.boosts(q.Fields)
	var analyzers []string
	for _, fb := range fields {
		if name := b.fields.byName[fb.Field].analyzer.Name(); !slices.Contains(analyzers, name) {
			analyzers = append(analyzers, name)
		}
	}
	matched, total := false, 0.0
	for _, name := range analyzers {
		var terms []string
		times := map[string]int{}
		for _, fb := range fields {
			f := b.fields.byName[fb.Field]
			if f.analyzer.Name() != name || len(terms) > 0 {
				continue
			}
			for _, t := range f.analyzer.Analyze(nil, q.Text) {
				if times[t.Term]++; times[t.Term] == 1 {
					terms = append(terms, t.Term)
				}
			}
		}
		held := 0
		for _, term := range terms {
			any := false
			for _, fb := range fields {
				tf := d.freq(fb.Field, term)
				if b.fields.byName[fb.Field].analyzer.Name() != name || tf == 0 {
					continue
				}
				any = true
				boost := q.Boost * fb.Boost * float64(times[term])
				total += b.bm25(fb.Field, boost*b.idf(fb.Field, term), tf, d)
			}
			if any {
				held++
			}
		}
		need := max(1, q.Minimum)
		if q.Operator == api.OperatorAnd {
			need = len(terms)
		}
		matched = matched || held >= need && held > 0
	}
	return matched, total
}

func (b *brute) phrase(q *api.Phrase, d *bruteDoc) (bool, float64) {
	matched, total := false, 0.0
	for _, fb := range b.boosts(q.Fields) {
		want := b.fields.byName[fb.Field].analyzer.Analyze(nil, q.Text)
		if len(want) == 0 {
			continue
		}
		at := map[int]string{}
		for _, t := range d.tokens[fb.Field] {
			at[t.Position] = t.Term
		}
		count := 0
		for start := range at {
			all := true
			for _, w := range want {
				all = all && at[start+w.Position-want[0].Position] == w.Term
			}
			if all {
				count++
			}
		}
		if count == 0 {
			continue
		}
		matched = true
		sum := 0.0
		seen := map[string]bool{}
		for _, w := range want {
			if !seen[w.Term] {
				seen[w.Term] = true
				sum += b.idf(fb.Field, w.Term)
			}
		}
		total += b.bm25(fb.Field, q.Boost*fb.Boost*sum, count, d)
	}
	return matched, total
}

func (b *brute) bool(q *api.Bool, d *bruteDoc) (bool, float64) {
	total := 0.0
	for _, sub := range q.Must {
		ok, score := b.eval(sub, d)
		if !ok {
			return false, 0
		}
		total += score
	}
	for _, sub := range q.Filter {
		if ok, _ := b.eval(sub, d); !ok {
			return false, 0
		}
	}
	for _, sub := range q.MustNot {
		if ok, _ := b.eval(sub, d); ok {
			return false, 0
		}
	}
	held := 0
	for _, sub := range q.Should {
		if ok, score := b.eval(sub, d); ok {
			held++
			total += score
		}
	}
	need := 0
	switch {
	case q.MinimumShould != nil:
		need = *q.MinimumShould
	case len(q.Should) > 0 && len(q.Must) == 0 && len(q.Filter) == 0:
		need = 1
	}
	return held >= need, q.Boost * total
}
