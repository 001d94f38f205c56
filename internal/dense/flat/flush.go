package flat

import (
	"context"
	"fmt"

	"sagasu/internal/dense/vectorfile"
)

// Flush makes what was applied so far durable and gives the log index of it. It takes as long as the changes are
// large: files are merged in the background. Searches and Apply go on meanwhile.
func (x *Index) Flush(ctx context.Context) (uint64, error) {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	if x.chain.Closed() {
		return 0, fmt.Errorf("flush vectors: %w", vectorfile.ErrClosed)
	}
	x.mu.Lock()
	index, dirty := x.applied, x.dirty
	if index == x.durable.Load() {
		x.mu.Unlock()
		return index, nil
	}
	source, places := vectorfile.Source{Index: index, Live: len(x.rows)}, make([]place, 0, len(dirty))
	for id := range dirty {
		at, ok := x.rows[id]
		source.Records = append(source.Records, vectorfile.Change{ID: id, Deleted: !ok})
		places = append(places, at)
	}
	x.dirty = map[string]struct{}{}
	x.mu.Unlock()

	source.Append = func(dst []byte, i int) []byte {
		v := places[i].at.vector(places[i].row, x.cfg.Dims)
		return vectorfile.AppendVector(dst, &v)
	}
	if err := x.chain.Append(ctx, source); err != nil {
		x.mu.Lock()
		for id := range dirty {
			x.dirty[id] = struct{}{}
		}
		x.mu.Unlock()
		return x.durable.Load(), fmt.Errorf("flush vectors: %w", err)
	}
	x.durable.Store(index)
	return index, nil
}
