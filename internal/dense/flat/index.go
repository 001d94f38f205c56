package flat

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// Index is an exact index in memory with files of its own. It implements dense.Index.
type Index struct {
	cfg     Config
	kernel  kernel
	filters *filterCache
	view    atomic.Pointer[view]

	// mu guards what writers share.
	mu      sync.Mutex
	rows    map[string]place
	applied uint64
	// dirty are the ids touched since the last flush.
	dirty map[string]struct{}

	// flushing is held by Flush and Close.
	flushing sync.Mutex
	chain    *vectorfile.Chain
	durable  atomic.Uint64
}

var _ dense.Index = (*Index)(nil)

// place is where a vector's row is.
type place struct {
	at  *block
	row int
}

// Open reads the files in cfg.Dir and gives the index as it was at the last Flush; an empty directory is
// an empty index at log index 0. Errors: ErrConfig, ErrCorrupt, ErrVersion, vfs.ErrLocked if the
// directory is in use, dense.ErrDimension if the files hold vectors of other dimensions.
func Open(cfg Config) (*Index, error) { return open(cfg, false) }

func open(cfg Config, manual bool) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open flat index: %w", err)
	}
	x := &Index{
		cfg: cfg, kernel: fastestKernel(), filters: newFilterCache(),
		rows: map[string]place{}, dirty: map[string]struct{}{},
	}
	x.view.Store(&view{})
	if err := x.recover(manual); err != nil {
		return nil, fmt.Errorf("open flat index %s: %w", cfg.Dir, err)
	}
	return x, nil
}

// Apply stores and removes vectors, deletes first, under a log index; indexes don't decrease. What is at
// or below the durable index is in the index already and ignored. On an error nothing has changed:
// dense.ErrDimension, dense.ErrNotFinite, dense.ErrTooLarge, dense.ErrFull.
func (x *Index) Apply(index uint64, upserts []dense.Vector, deletes []dense.Key) error {
	units, err := vectorfile.Units(upserts, x.cfg.Dims)
	if err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if index <= x.durable.Load() {
		return nil
	}
	if err := x.apply(units, deletes); err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	x.applied = max(x.applied, index)
	return nil
}

// Upsert is Apply at the next log index, for use without a log.
func (x *Index) Upsert(ctx context.Context, vs []dense.Vector) error {
	return x.next(ctx, vs, nil)
}

// Delete is Apply at the next log index, for use without a log.
func (x *Index) Delete(ctx context.Context, keys []dense.Key) error {
	return x.next(ctx, nil, keys)
}

func (x *Index) next(ctx context.Context, vs []dense.Vector, keys []dense.Key) error {
	if err := dense.ContextError(ctx); err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	units, err := vectorfile.Units(vs, x.cfg.Dims)
	if err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.apply(units, keys); err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	x.applied++
	return nil
}

// Count is the number of vectors.
func (x *Index) Count(context.Context) (int, error) { return x.view.Load().live, nil }

// Limit is the number of vectors that the index takes.
func (x *Index) Limit() int { return x.cfg.Limit }

// Get gives the vectors of those ids that have one, in the order of ids, with values of length 1. What a
// vector points to is shared with the index: read only.
func (x *Index) Get(ids []string) ([]dense.Vector, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []dense.Vector
	for _, id := range ids {
		if at, ok := x.rows[id]; ok {
			out = append(out, at.at.vector(at.row, x.cfg.Dims))
		}
	}
	return out, nil
}

// Stat gives the version and digest of an id's vector; ok is false if it has none.
func (x *Index) Stat(id string) (version uint64, digest [16]byte, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.rows[id]
	if !ok {
		return 0, digest, false
	}
	return at.at.versions[at.row], at.at.digests[at.row], true
}

// UnflushedBytes estimates the size of what is in no file yet, and would be applied again after a restart.
func (x *Index) UnflushedBytes() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.dirty) * (4*x.cfg.Dims + recordBytes)
}

// AppliedIndex is the log index of the last Apply that the index holds.
func (x *Index) AppliedIndex() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.applied
}

// DurableIndex is the log index up to which nothing is lost on a restart.
func (x *Index) DurableIndex() uint64 { return x.durable.Load() }

// Close frees the directory. It does not flush: what is not durable is in the log.
func (x *Index) Close() error {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.view.Store(&view{})
	if err := x.chain.Close(); err != nil {
		return fmt.Errorf("close flat index: %w", err)
	}
	return nil
}
