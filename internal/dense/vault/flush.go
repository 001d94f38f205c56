package vault

import (
	"context"
	"fmt"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// Flush makes what was applied so far durable and gives the log index of it. It takes as long as the changes are
// large: files are merged in the background. Everything else goes on meanwhile.
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
	changes := x.frozen.changes
	x.mu.Unlock()

	source := vectorfile.Source{Index: index, Live: live}
	vectors := make([]*dense.Vector, 0, len(changes))
	for id, v := range changes {
		source.Records = append(source.Records, vectorfile.Change{ID: id, Deleted: v == nil})
		vectors = append(vectors, v)
	}
	source.Append = func(dst []byte, i int) []byte { return vectorfile.AppendVector(dst, vectors[i]) }
	source.Placed = func(f *vectorfile.File, offsets []uint64) { x.placed(source.Records, f, offsets) }
	if err := x.chain.Append(ctx, source); err != nil {
		x.thaw()
		return x.durable.Load(), fmt.Errorf("flush vectors: %w", err)
	}
	x.durable.Store(index)
	return index, nil
}

// thaw takes back what a failed flush did not write.
func (x *Index) thaw() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, v := range x.frozen.changes {
		if _, ok := x.pending.changes[id]; !ok {
			x.pending.set(id, v)
		}
	}
	x.frozen = batch{}
}

// placed gives the entries their places in the file that a flush wrote.
func (x *Index) placed(records []vectorfile.Change, f *vectorfile.File, offsets []uint64) {
	number := x.number(f)
	x.steps(len(records), func(i int) {
		r := &records[i]
		// What changed since is not in the file.
		if _, ok := x.pending.changes[r.ID]; !ok && !r.Deleted {
			x.table.get(r.ID).at = placeOf(number, offsets[i])
		}
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	x.frozen = batch{}
}

// merged moves the entries of files that a merge covers, and forgets these.
func (x *Index) merged(m vectorfile.Merge) {
	x.mu.RLock()
	former := map[*vectorfile.File]int{}
	for i, f := range x.files {
		former[f] = i
	}
	x.mu.RUnlock()
	number := x.number(m.File)
	x.steps(len(m.Moves), func(i int) {
		r := &m.Moves[i]
		e := x.table.get(r.ID)
		if e != nil && e.at == placeOf(former[m.Covered[r.Source]], r.From) {
			e.at = placeOf(number, r.To)
		}
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range m.Covered {
		x.files[former[f]] = nil
	}
}

// steps calls fn with 0 to n exclusive, holding mu for some at a time.
func (x *Index) steps(n int, fn func(i int)) {
	for from := 0; from < n; from += stepRecords {
		x.mu.Lock()
		for i := from; i < min(from+stepRecords, n); i++ {
			fn(i)
		}
		x.mu.Unlock()
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
