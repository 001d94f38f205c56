package replica

import (
	"fmt"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// requestResult is what became of one request of an entry.
type requestResult struct {
	outcomes []sparse.Outcome
	// err is ErrRepeated if the request was applied before and what it did is no longer known.
	err error
}

func (m *machine) applyWrites(c *consensus.Command) (any, error) {
	requests, err := decodeWriteBatch(c.Payload, c.Version)
	if err != nil {
		return nil, err
	}
	if c.Index <= m.sparse.AppliedIndex() {
		// Only a store of an earlier version may be behind: its vectors came by entries of their own.
		return nil, m.vectors.apply(c.Index, m.deleted(requests))
	}
	return m.applyRequests(c, requests)
}

// deleted names the documents of requests that are not there any more.
func (m *machine) deleted(requests []writeRequest) change {
	version, release := m.versions()
	defer release()
	out := none()
	for _, r := range requests {
		for i := range r.writes {
			id := r.writes[i].Doc.ID
			if _, ok := version(id); !ok {
				out.deletes = append(out.deletes, dense.Key{ID: id, Version: maxVersion})
			}
		}
	}
	return out
}

// applyRequests applies those requests of an entry that are new.
func (m *machine) applyRequests(c *consensus.Command, requests []writeRequest) ([]requestResult, error) {
	b := &writing{machine: m, index: c.Index, keep: c.Version < 3}
	// at[i] is where the outcomes of request i begin, -1 for a repeated one.
	at := make([]int, len(requests))
	seen := map[RequestID]bool{}
	for i, r := range requests {
		at[i] = -1
		if _, applied := m.requests.find(r.id); applied || seen[r.id] {
			continue
		}
		seen[r.id] = r.id != RequestID{}
		at[i] = len(b.outcomes)
		b.add(r.writes)
	}
	results := make([]requestResult, len(requests))
	var failure error
	_, err := m.sparse.Apply(sparse.Batch{Index: c.Index, Writes: b.writes, Then: func(outcomes []sparse.Outcome) {
		failure = b.done(outcomes)
		for i, r := range requests {
			if at[i] >= 0 {
				results[i].outcomes = b.outcomes[at[i] : at[i]+len(r.writes) : at[i]+len(r.writes)]
				m.requests.record(r.id, results[i].outcomes)
			}
		}
	}})
	if err != nil {
		return nil, fmt.Errorf("sparse index: %w", err)
	}
	if failure != nil {
		return nil, failure
	}
	m.see(b.last)
	for i, r := range requests {
		if at[i] < 0 {
			if results[i].outcomes, _ = m.requests.find(r.id); len(results[i].outcomes) != len(r.writes) {
				results[i] = requestResult{err: ErrRepeated}
			}
		}
	}
	return results, nil
}

// writing is the writes of an entry under way.
type writing struct {
	machine *machine
	index   uint64
	// keep leaves brought vectors in the documents, as entries of an earlier version have it: the worker takes them
	// from there.
	keep bool

	// writes go to the sparse index; of outcomes, which has one for each write of the entry, place[i] is that of
	// writes[i]. Others were refused.
	writes   []api.Write
	place    []int
	outcomes []sparse.Outcome
	// brought are the vectors that came with writes.
	brought [][]float32
	// last is the highest version given.
	last uint64
}

// add takes a request's writes, but for those with a vector that can't be stored, and what follows them.
func (b *writing) add(writes []api.Write) {
	refused := false
	for i := range writes {
		w := &writes[i]
		if refused = refused && w.Follows || w.Doc.Vector != nil && !b.storable(&w.Doc); refused {
			b.outcomes = append(b.outcomes, sparse.Outcome{Status: api.StatusError})
			continue
		}
		b.place = append(b.place, len(b.outcomes))
		b.outcomes = append(b.outcomes, sparse.Outcome{})
		b.brought = append(b.brought, w.Doc.Vector)
		kept := *w
		if !b.keep {
			kept.Doc.Vector = nil
		}
		b.writes = append(b.writes, kept)
	}
}

// storable reports whether the generation of a document's vector is there, and has such vectors.
func (b *writing) storable(doc *api.Document) bool {
	dims, ok := b.machine.state.has(doc.Generation)
	return ok && (dims == 0 || dims == len(doc.Vector))
}

// done takes the outcomes of what was written to the stores and the state.
func (b *writing) done(outcomes []sparse.Outcome) error {
	m := b.machine
	c := none()
	for i, o := range outcomes {
		b.outcomes[b.place[i]] = o
		if o.Status != api.StatusConflict {
			b.last = max(b.last, o.Version)
		}
		switch o.Status {
		case api.StatusDeleted:
			eachDeleted(&b.writes[i], o, func(id string, version uint64) { c.delete(id, version) })
		case api.StatusCreated, api.StatusUpdated:
			if v := b.brought[i]; v != nil && !b.keep {
				if err := m.ready(b.writes[i].Doc.Generation, len(v), b.index); err != nil {
					return err
				}
				vector := m.vectorOf(&b.writes[i].Doc, o.Version)
				vector.Values = v
				c.upsert(b.writes[i].Doc.Generation, vector)
			}
		}
	}
	if err := m.vectors.apply(b.index, c); err != nil {
		return err
	}
	m.state.change(func() {
		m.state.written(b.writes, outcomes, b.index)
		if len(c.upserts) > 0 {
			m.state.dense = b.index
		}
	})
	return nil
}

// upsert adds a vector.
func (c *change) upsert(generation int, v dense.Vector) {
	if c.upserts == nil {
		c.upserts = map[int][]dense.Vector{}
	}
	c.upserts[generation] = append(c.upserts[generation], v)
}

// delete adds a delete. The stores delete before they upsert, so a vector of the same entry that is deleted is left
// out.
func (c *change) delete(id string, version uint64) {
	c.deletes = append(c.deletes, dense.Key{ID: id, Version: version})
	for generation, vs := range c.upserts {
		for i := len(vs) - 1; i >= 0; i-- {
			if vs[i].ID == id {
				vs = append(vs[:i], vs[i+1:]...)
			}
		}
		c.upserts[generation] = vs
	}
}

// ready opens the store of a generation whose dimensions its first vector tells; those of others are open.
func (m *machine) ready(generation, dims int, entry uint64) error {
	if m.vectors.find(generation) != nil {
		return nil
	}
	if err := m.vectors.begin(generation, dims, entry); err != nil {
		return err
	}
	m.state.change(func() {
		if g := m.state.find(generation); g != nil {
			g.dims = dims
		}
	})
	return nil
}
