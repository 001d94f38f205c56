package rpc

import (
	"cmp"
	"slices"

	"sagasu/sparse"
)

// Flags of a sparse search.
const sparseStats = 1 << 0

// Flags of its answer.
const (
	sparseWanted = 1 << 0
	// sparseMore says that there may be more matches; only where not all were to be counted.
	sparseMore = 1 << 1
)

// sparseCall is the body of MethodSearchSparse.
type sparseCall struct {
	Call
	request sparse.Request
	// want are the terms whose statistics the answer brings.
	want []sparse.TermKey
}

func (m *sparseCall) encode() ([]byte, error) {
	e := newEncoder(256)
	if m.request.Count != 0 {
		e.buf[0] = sparseVersion
	}
	e.call(m.Call)
	flags := byte(0)
	if m.request.Stats != nil {
		flags |= sparseStats
	}
	e.byte(flags)
	if m.request.Count != 0 {
		e.int(int64(m.request.Count))
	}
	e.int(int64(m.request.K))
	e.query(m.request.Query)
	e.query(m.request.Filter)
	if m.request.Stats != nil {
		e.statistics(m.request.Stats)
	}
	e.termKeys(m.want)
	return e.end(0)
}

func (m *sparseCall) decode(d *decoder) error {
	d.allow(sparseVersion)
	m.Call = d.call()
	flags := d.flags(sparseStats)
	count := 0
	if d.version == sparseVersion {
		count = int(d.int())
	}
	m.request = sparse.Request{Count: count, K: int(d.int()), Query: d.query(), Filter: d.query()}
	if flags&sparseStats != 0 {
		s := d.statistics()
		m.request.Stats = &s
	}
	m.want = d.termKeys()
	return d.end()
}

// sparseAnswer is the answer to it.
type sparseAnswer struct {
	mark Mark
	top  sparse.TopDocs
	// stats is zero if no terms were wanted.
	stats sparse.Statistics
}

func (m *sparseAnswer) encode(e *encoder) {
	e.mark(m.mark)
	flags := byte(0)
	if m.stats.Fields != nil || m.stats.Terms != nil {
		flags |= sparseWanted
	}
	if m.top.More {
		flags |= sparseMore
	}
	e.byte(flags)
	e.len(m.top.Total)
	e.len(len(m.top.Hits))
	for i := range m.top.Hits {
		h := &m.top.Hits[i]
		e.str(h.ID)
		e.f64(h.Score)
		e.uint(h.Version)
	}
	if flags&sparseWanted != 0 {
		e.statistics(&m.stats)
	}
}

func (m *sparseAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	flags := d.flags(sparseWanted | sparseMore)
	m.top.More = flags&sparseMore != 0
	m.top.Total = d.size()
	if n := d.count(10); n > 0 {
		m.top.Hits = make([]sparse.Hit, n)
		for i := range m.top.Hits {
			m.top.Hits[i] = sparse.Hit{ID: d.str(), Score: d.f64(), Version: d.uint()}
		}
	}
	if flags&sparseWanted != 0 {
		m.stats = d.statistics()
	}
	return d.end()
}

// statisticsCall is the body of MethodStatistics.
type statisticsCall struct {
	Call
	terms []sparse.TermKey
}

func (m *statisticsCall) encode() ([]byte, error) {
	e := newEncoder(256)
	e.call(m.Call)
	e.termKeys(m.terms)
	return e.end(0)
}

func (m *statisticsCall) decode(d *decoder) error {
	m.Call = d.call()
	m.terms = d.termKeys()
	return d.end()
}

// statisticsAnswer is the answer to it.
type statisticsAnswer struct {
	mark  Mark
	stats sparse.Statistics
}

func (m *statisticsAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.statistics(&m.stats)
}

func (m *statisticsAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.stats = d.statistics()
	return d.end()
}

func (e *encoder) termKeys(keys []sparse.TermKey) {
	e.room("terms", len(keys), MaxTerms)
	e.len(len(keys))
	for _, k := range keys {
		e.str(k.Field)
		e.str(k.Term)
	}
}

// termKeys gives nil if there are none.
func (d *decoder) termKeys() []sparse.TermKey {
	n := d.atMost(MaxTerms, 2)
	if n == 0 {
		return nil
	}
	keys := make([]sparse.TermKey, n)
	for i := range keys {
		keys[i] = sparse.TermKey{Field: d.str(), Term: d.str()}
	}
	return keys
}

// statistics are written in the order of names, so that equal ones are equal bytes.
func (e *encoder) statistics(s *sparse.Statistics) {
	e.room("terms", len(s.Terms), MaxTerms)
	e.uint(s.Version)
	names := make([]string, 0, 16)
	for name := range s.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	e.len(len(names))
	for _, name := range names {
		f := s.Fields[name]
		e.str(name)
		e.uint(f.Docs)
		e.uint(f.Tokens)
	}
	keys := make([]sparse.TermKey, 0, 16)
	for key := range s.Terms {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b sparse.TermKey) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Term, b.Term))
	})
	e.len(len(keys))
	for _, key := range keys {
		e.str(key.Field)
		e.str(key.Term)
		e.uint(s.Terms[key])
	}
}

func (d *decoder) statistics() sparse.Statistics {
	s := sparse.Statistics{Version: d.uint()}
	// The least field is a length and two numbers, as is the least term.
	n := d.count(3)
	s.Fields = make(map[string]sparse.FieldStatistics, n)
	for range n {
		name := d.str()
		s.Fields[name] = sparse.FieldStatistics{Docs: d.uint(), Tokens: d.uint()}
	}
	n = d.atMost(MaxTerms, 3)
	s.Terms = make(map[sparse.TermKey]uint64, n)
	for range n {
		key := sparse.TermKey{Field: d.str(), Term: d.str()}
		s.Terms[key] = d.uint()
	}
	return s
}
