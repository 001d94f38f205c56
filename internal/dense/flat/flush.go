package flat

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// file is a file of the chain, with the ids of its records.
type file struct {
	first, last uint64
	ids         []string
}

// errClosed is why a closed index is not flushed or copied.
var errClosed = errors.New("the index is closed")

// Flush makes what was applied so far durable and gives the log index of it. Searches and Apply go on
// meanwhile.
func (x *Index) Flush(ctx context.Context) (uint64, error) {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	if x.lock == nil {
		return 0, fmt.Errorf("flush vectors: %w", errClosed)
	}
	x.mu.Lock()
	index, dirty := x.applied, x.dirty
	if index == x.durable.Load() {
		x.mu.Unlock()
		return index, nil
	}
	keep := x.uncovered(len(dirty), len(x.rows))
	covered := x.files[keep:]
	next := file{first: 1, last: 1}
	if n := len(x.files); n > 0 {
		next.last = x.files[n-1].last + 1
		next.first = next.last
	}
	if len(covered) > 0 {
		next.first = covered[0].first
	}
	records := x.states(dirty, covered, next.first == 1)
	x.dirty = map[string]struct{}{}
	x.mu.Unlock()

	h := header{dims: x.cfg.Dims, first: next.first, last: next.last, index: index, records: uint64(len(records))}
	if err := writeFile(ctx, x.cfg.FS, x.cfg.Dir, h, records); err != nil {
		x.mu.Lock()
		for id := range dirty {
			x.dirty[id] = struct{}{}
		}
		x.retry = next.first
		x.mu.Unlock()
		return x.durable.Load(), fmt.Errorf("flush vectors: %w", err)
	}
	for i := range records {
		next.ids = append(next.ids, records[i].id)
	}
	x.retry = 0
	x.files = append(append([]file(nil), x.files[:keep]...), next)
	x.durable.Store(index)
	if err := x.remove(covered); err != nil {
		return index, fmt.Errorf("flush vectors: %w", err)
	}
	return index, nil
}

// uncovered gives the number of files that the next flush leaves alone; it covers those behind them.
func (x *Index) uncovered(dirty, live int) int {
	total := dirty
	for _, f := range x.files {
		total += len(f.ids)
	}
	if total > 2*live+mergeFloor {
		return 0
	}
	keep, records := len(x.files), dirty
	for keep > 0 {
		n := len(x.files[keep-1].ids)
		tried := x.retry > 0 && x.files[keep-1].last >= x.retry
		if n > mergeFactor*records && n >= mergeFloor && !tried {
			break
		}
		records += n
		keep--
	}
	return keep
}

// states gives one record for each id, its present state. The caller holds mu.
func (x *Index) states(dirty map[string]struct{}, covered []file, base bool) []state {
	seen := make(map[string]struct{}, len(dirty))
	var out []state
	add := func(id string) {
		if _, ok := seen[id]; ok {
			return
		}
		seen[id] = struct{}{}
		at, ok := x.rows[id]
		if ok || !base {
			out = append(out, state{id: id, place: at})
		}
	}
	for _, f := range covered {
		for _, id := range f.ids {
			add(id)
		}
	}
	for id := range dirty {
		add(id)
	}
	return out
}

// remove deletes files that are covered by a newer one.
func (x *Index) remove(files []file) error {
	for _, f := range files {
		name := fileName(f.first, f.last)
		if err := x.cfg.FS.Remove(filepath.Join(x.cfg.Dir, name)); err != nil {
			return fmt.Errorf("remove vector file: %w", err)
		}
	}
	return nil
}
