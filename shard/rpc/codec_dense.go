package rpc

import (
	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
)

// denseCall is the body of MethodSearchDense.
type denseCall struct {
	Call
	request replica.DenseRequest
}

func (m *denseCall) encode() ([]byte, error) {
	e := newEncoder(64 + 4*len(m.request.Vector))
	if m.request.Generation != 0 {
		e.buf[0] = denseVersion
	}
	e.call(m.Call)
	if m.request.Generation != 0 {
		e.len(m.request.Generation)
	}
	e.int(int64(m.request.K))
	e.vector(m.request.Vector)
	e.query(m.request.Filter)
	return e.end(0)
}

func (m *denseCall) decode(d *decoder) error {
	d.allow(denseVersion)
	m.Call = d.call()
	generation := 0
	if d.version == denseVersion {
		generation = d.generation()
	}
	m.request = replica.DenseRequest{Generation: generation, K: int(d.int()), Vector: d.vector(), Filter: d.query()}
	return d.end()
}

// vector writes a dense vector.
func (e *encoder) vector(v []float32) {
	e.room("dimensions", len(v), api.MaxDenseDims)
	e.f32s(v)
}

func (d *decoder) vector() []float32 { return d.f32s(api.MaxDenseDims) }

// denseAnswer is the answer to it.
type denseAnswer struct {
	mark   Mark
	result replica.DenseResult
}

func (m *denseAnswer) encode(e *encoder) {
	e.mark(m.mark)
	e.len(m.result.Lag)
	e.len(m.result.Total)
	e.len(len(m.result.Hits))
	for i := range m.result.Hits {
		h := &m.result.Hits[i]
		e.str(h.ID)
		e.uint(h.Version)
		e.f32(h.Score)
	}
}

func (m *denseAnswer) decode(d *decoder) error {
	m.mark = d.mark()
	m.result.Lag, m.result.Total = d.size(), d.size()
	if n := d.count(6); n > 0 {
		m.result.Hits = make([]dense.Hit, n)
		for i := range m.result.Hits {
			m.result.Hits[i] = dense.Hit{ID: d.str(), Version: d.uint(), Score: d.f32()}
		}
	}
	return d.end()
}
