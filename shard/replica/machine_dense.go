package replica

import (
	"fmt"

	"sagasu/internal/consensus"
	"sagasu/internal/dense"
)

// applyVectors carries out what a generation's worker got done. What has changed since is left out: it comes again
// with its new version.
func (m *machine) applyVectors(index uint64, b *vectorBatch) error {
	dims, ok := m.state.has(b.Generation)
	if !ok {
		return m.applyState(index, none(), func() {})
	}
	m.present(b, dims)
	if dims == 0 && len(b.Vectors) > 0 {
		if err := m.ready(b.Generation, len(b.Vectors[0].Values), index); err != nil {
			return err
		}
	}
	c := change{only: b.Generation}
	for _, v := range b.Vectors {
		c.upsert(b.Generation, v)
	}
	if err := m.keep(b, &c); err != nil {
		return err
	}
	c.deletes = append(c.deletes, b.Gone...)
	for _, f := range b.Failed {
		c.deletes = append(c.deletes, dense.Key{ID: f.ID, Version: f.Version})
	}
	return m.applyState(index, c, func() { m.state.advance(b, index) })
}

// present leaves out the documents that have changed since the batch was made.
func (m *machine) present(b *vectorBatch, dims int) {
	version, release := m.versions()
	defer release()
	same := func(id string, at uint64) bool {
		now, ok := version(id)
		return ok && now == at
	}
	b.Vectors = filter(b.Vectors, func(v *dense.Vector) bool {
		if v.Slot == 0 {
			v.Slot = slotOf(&m.schema, v.ID)
		}
		return same(v.ID, v.Version) && (dims == 0 || len(v.Values) == dims)
	})
	b.Kept = filter(b.Kept, func(v *dense.Vector) bool { return same(v.ID, v.Version) })
	b.Gone = filter(b.Gone, func(k *dense.Key) bool { return same(k.ID, k.Version) })
	b.Failed = filter(b.Failed, func(f *Failure) bool { return same(f.ID, f.Version) })
	b.Cut = filter(b.Cut, func(k *dense.Key) bool { return same(k.ID, k.Version) })
}

// filter keeps some of a slice, in place.
func filter[T any](all []T, keep func(*T) bool) []T {
	kept := all[:0]
	for i := range all {
		if keep(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// keep gives the documents whose text did not change their older vectors.
func (m *machine) keep(b *vectorBatch, c *change) error {
	if len(b.Kept) == 0 {
		return nil
	}
	older := make(map[string]dense.Vector, len(b.Kept))
	err := m.vectors.use(b.Generation, func(s vectorStore) error {
		ids := make([]string, len(b.Kept))
		for i := range b.Kept {
			ids[i] = b.Kept[i].ID
		}
		vs, err := s.Get(ids)
		for _, v := range vs {
			older[v.ID] = v
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep vectors: %w", err)
	}
	for _, v := range b.Kept {
		// A store that is ahead may have dropped it since, and ignores all this.
		if old, ok := older[v.ID]; ok && old.Digest == v.Digest {
			v.Values = old.Values
			c.upsert(b.Generation, v)
		}
	}
	return nil
}

// advance takes note of a worker's batch. mu is held.
func (s *state) advance(b *vectorBatch, entry uint64) {
	g := s.find(b.Generation)
	if g == nil {
		return
	}
	late := func(id string, version uint64) {
		// Who has passed this document must look once more.
		if version <= g.passed {
			s.askAgain(feedName(g.number), id, entry)
			s.askAgain(catalogName, id, entry)
		}
	}
	for _, vs := range [][]dense.Vector{b.Vectors, b.Kept} {
		for i := range vs {
			g.forget(vs[i].ID, vs[i].Version)
			late(vs[i].ID, vs[i].Version)
		}
	}
	for _, k := range b.Gone {
		g.forget(k.ID, k.Version)
		late(k.ID, k.Version)
	}
	for _, f := range b.Failed {
		g.fail(f)
		late(f.ID, f.Version)
	}
	for _, k := range b.Cut {
		if len(g.cut) < maxFailed {
			g.cut[k.ID] = k.Version
		}
	}
	settle(g.again, b.Settled)
	if len(b.Vectors)+len(b.Kept)+len(b.Gone)+len(b.Failed) > 0 {
		s.dense = entry
	}
	if b.Epoch == g.epoch {
		g.checkpoint = max(g.checkpoint, b.Checkpoint)
		g.passed = max(g.passed, g.checkpoint)
	}
}

// applyGeneration begins or drops a generation, or has all of it embedded again.
func (m *machine) applyGeneration(c *consensus.Command) error {
	g, err := decodeGeneration(c.Payload)
	if err != nil {
		return err
	}
	if c.Index <= m.sparse.AppliedIndex() {
		return m.vectors.apply(c.Index, none())
	}
	_, there := m.state.has(g.number)
	if g.what == generationBegin && !there {
		if err := m.vectors.begin(g.number, g.dims, c.Index); err != nil {
			return err
		}
	}
	err = m.applyState(c.Index, none(), func() {
		found := m.state.find(g.number)
		switch {
		case g.what == generationBegin && found == nil:
			m.state.begin(g.number, g.dims, c.Index)
		case g.what == generationEnd && found != nil:
			m.state.drop(g.number)
		case g.what == generationAnew && found != nil:
			found.checkpoint, found.dropped = 0, 0
			found.epoch++
			if m.state.unkept {
				m.state.unkept, found.passed = false, 0
			}
		default:
			return
		}
		m.state.dense = c.Index
	})
	if err == nil && g.what == generationEnd {
		m.vectors.end(g.number, c.Index)
	}
	return err
}

// applyMove takes note of a consumer's progress.
func (m *machine) applyMove(c *consensus.Command) error {
	move, err := decodeMove(c.Payload)
	if err != nil {
		return err
	}
	return m.applyState(c.Index, none(), func() {
		if m.state.move(move) && move.name != catalogName {
			m.state.dense = c.Index
		}
	})
}

// applyAgain has documents looked at again.
func (m *machine) applyAgain(c *consensus.Command) error {
	a, err := decodeAgain(c.Payload)
	if err != nil {
		return err
	}
	return m.applyState(c.Index, none(), func() {
		g := m.state.find(a.generation)
		for _, id := range a.ids {
			if g != nil && len(g.again) < maxAgain {
				g.again[id] = c.Index
			}
			if !a.repair {
				continue
			}
			m.state.askAgain(feedName(a.generation), id, c.Index)
			m.state.askAgain(catalogName, id, c.Index)
		}
	})
}
