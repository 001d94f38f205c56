package vault

import (
	"context"
	"fmt"
	"slices"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// record is what a flush writes of an id: a vector, one that is in a file, or that there is none.
type record struct {
	id     string
	vector *dense.Vector
	file   *vectorfile.File
	offset uint64
}

// Flush makes what was applied so far durable and gives the log index of it. Everything else goes on meanwhile.
func (x *Index) Flush(ctx context.Context) (uint64, error) {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	if x.chain.Closed() {
		return 0, fmt.Errorf("flush vectors: %w", ErrClosed)
	}
	x.mu.Lock()
	index, live := x.applied, x.table.entries
	if index == x.durable.Load() {
		x.mu.Unlock()
		return index, nil
	}
	x.frozen, x.pending = x.pending, newBatch()
	x.mu.Unlock()

	plan := x.chain.Plan(len(x.frozen.changes), live)
	records := x.records(&plan)
	file, offsets, err := x.chain.Write(ctx, plan, source(index, records))
	if err != nil {
		x.thaw()
		return x.durable.Load(), fmt.Errorf("flush vectors: %w", err)
	}
	x.move(records, offsets, file, plan.Covered)
	x.durable.Store(index)
	if err := x.chain.Drop(plan.Covered); err != nil {
		return index, fmt.Errorf("flush vectors: %w", err)
	}
	return index, nil
}

func source(index uint64, records []record) vectorfile.Source {
	s := vectorfile.Source{Index: index, IDs: make([]string, len(records))}
	for i := range records {
		s.IDs[i] = records[i].id
	}
	s.Append = func(dst []byte, i int) ([]byte, error) {
		r := &records[i]
		switch {
		case r.vector != nil:
			return vectorfile.AppendVector(dst, r.vector), nil
		case r.file != nil:
			return r.file.AppendPayload(dst, r.id, r.offset)
		}
		return vectorfile.AppendDelete(dst, r.id), nil
	}
	return s
}

// records gives the records of a flush: of every id that is frozen or in a covered file its state when the flush
// began, whatever was applied since.
func (x *Index) records(plan *vectorfile.Plan) []record {
	var out []record
	for id, c := range x.frozen.changes {
		if c.vector != nil || !plan.Base() {
			out = append(out, record{id: id, vector: c.vector})
		}
	}
	gone := map[string]struct{}{}
	for _, f := range plan.Covered {
		for ids := range slices.Chunk(f.IDs, stepRecords) {
			out = x.covered(out, f, ids, plan.Base(), gone)
		}
	}
	return out
}

// covered appends the records of some ids of a covered file. An id whose vector is in another file gets its record
// with that one, which is newer and so covered too.
func (x *Index) covered(
	out []record, f *vectorfile.File, ids []string, base bool, gone map[string]struct{},
) []record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, id := range ids {
		if _, ok := x.frozen.changes[id]; ok {
			continue
		}
		at := x.before(id)
		if at == 0 {
			if _, ok := gone[id]; !ok && !base {
				gone[id] = struct{}{}
				out = append(out, record{id: id})
			}
			continue
		}
		if x.files[at.file()] == f {
			out = append(out, record{id: id, file: f, offset: at.offset()})
		}
	}
	return out
}

// before gives the place of an id that is not frozen when the flush began, zero if it had none.
func (x *Index) before(id string) place {
	if c, ok := x.pending.changes[id]; ok {
		return c.was
	}
	if e := x.table.get(id); e != nil {
		return e.at
	}
	return 0
}

// thaw takes back what a failed flush did not write.
func (x *Index) thaw() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, c := range x.frozen.changes {
		if _, ok := x.pending.changes[id]; !ok {
			x.pending.set(id, c)
		}
	}
	x.frozen = batch{}
}

// move gives the entries their places in the file that a flush wrote, and forgets the files that it covers.
func (x *Index) move(records []record, offsets []uint64, file *vectorfile.File, covered []*vectorfile.File) {
	number := x.number(file)
	for from := 0; from < len(records); from += stepRecords {
		x.moveSome(records, offsets, number, from, min(from+stepRecords, len(records)))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.frozen = batch{}
	for i, f := range x.files {
		if f != nil && slices.Contains(covered, f) {
			x.files[i] = nil
		}
	}
}

// number gives a file a number that is free.
func (x *Index) number(f *vectorfile.File) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := 1; i < len(x.files); i++ {
		if x.files[i] == nil {
			x.files[i] = f
			return i
		}
	}
	x.files = append(x.files, f)
	return len(x.files) - 1
}

func (x *Index) moveSome(records []record, offsets []uint64, number, from, to int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := from; i < to; i++ {
		r := &records[i]
		if _, ok := x.pending.changes[r.id]; ok || r.vector == nil && r.file == nil {
			continue
		}
		x.table.get(r.id).at = placeOf(number, offsets[i])
	}
}
