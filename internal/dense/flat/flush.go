package flat

import (
	"context"
	"fmt"

	"sagasu/internal/dense/vectorfile"
)

// state is what a record says of an id: a row, or that there is none.
type state struct {
	id string
	place
}

// Flush makes what was applied so far durable and gives the log index of it. Searches and Apply go on
// meanwhile.
func (x *Index) Flush(ctx context.Context) (uint64, error) {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.mu.Lock()
	index, dirty := x.applied, x.dirty
	if index == x.durable.Load() {
		x.mu.Unlock()
		return index, nil
	}
	plan := x.chain.Plan(len(dirty), len(x.rows))
	states := x.states(dirty, &plan)
	x.dirty = map[string]struct{}{}
	x.mu.Unlock()

	source := vectorfile.Source{Index: index, IDs: make([]string, len(states))}
	for i := range states {
		source.IDs[i] = states[i].id
	}
	source.Append = func(dst []byte, i int) ([]byte, error) { return x.record(dst, &states[i]), nil }
	if _, _, err := x.chain.Write(ctx, plan, source); err != nil {
		x.mu.Lock()
		for id := range dirty {
			x.dirty[id] = struct{}{}
		}
		x.mu.Unlock()
		return x.durable.Load(), fmt.Errorf("flush vectors: %w", err)
	}
	x.durable.Store(index)
	if err := x.chain.Drop(plan.Covered); err != nil {
		return index, fmt.Errorf("flush vectors: %w", err)
	}
	return index, nil
}

// record appends the payload of a state's record.
func (x *Index) record(dst []byte, s *state) []byte {
	if s.at == nil {
		return vectorfile.AppendDelete(dst, s.id)
	}
	v := s.at.vector(s.row, x.cfg.Dims)
	return vectorfile.AppendVector(dst, &v)
}

// states gives one record for each id of the flush, its present state. The caller holds mu.
func (x *Index) states(dirty map[string]struct{}, plan *vectorfile.Plan) []state {
	seen := make(map[string]struct{}, len(dirty))
	var out []state
	add := func(id string) {
		if _, ok := seen[id]; ok {
			return
		}
		seen[id] = struct{}{}
		at, ok := x.rows[id]
		if ok || !plan.Base() {
			out = append(out, state{id: id, place: at})
		}
	}
	for _, f := range plan.Covered {
		for _, id := range f.IDs {
			add(id)
		}
	}
	for id := range dirty {
		add(id)
	}
	return out
}
