package vault

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// Index is a store of vectors on disk. Its methods may be called concurrently.
type Index struct {
	cfg Config

	// mu guards what follows; writers hold it for a call of Apply or a step of a flush.
	mu    sync.RWMutex
	table *table
	// files are the mapped ones by number; there is none of number 0.
	files   []*vectorfile.File
	applied uint64
	closed  bool
	// pending is what changed since the last flush began, frozen what that flush is writing. An entry without
	// a place has its vector in one of them.
	pending, frozen batch

	// flushing is held by Flush and Close.
	flushing sync.Mutex
	chain    *vectorfile.Chain
	durable  atomic.Uint64
}

// batch is a set of changes that are not in a file.
type batch struct {
	// changes have the vector of each id, nil if it has none any more.
	changes map[string]*dense.Vector
	bytes   int
}

func newBatch() batch { return batch{changes: map[string]*dense.Vector{}} }

func (b *batch) set(id string, v *dense.Vector) {
	if old, ok := b.changes[id]; ok {
		b.bytes -= changeSize(id, old)
	}
	b.changes[id] = v
	b.bytes += changeSize(id, v)
}

// changeSize estimates the memory of a change in bytes.
func changeSize(id string, v *dense.Vector) int {
	n := changeBytes + len(id)
	if v == nil {
		return n
	}
	n += 4 * len(v.Values)
	for i := range v.Attributes {
		a := &v.Attributes[i]
		n += len(a.Field) + 8*(len(a.Ints)+len(a.Floats))
		for _, s := range a.Strings {
			n += 16 + len(s)
		}
	}
	return n
}

// Open reads the files in cfg.Dir, all of them to check them, and gives the vault as it was at the last Flush; an
// empty directory is an empty vault at log index 0. Errors: ErrConfig, ErrCorrupt, ErrVersion, vfs.ErrLocked if
// the directory is in use, dense.ErrDimension if the files hold vectors of other dimensions.
func Open(cfg Config) (*Index, error) { return open(cfg, false) }

// open leaves it to a test to call Merge of the chain if it is manual.
func open(cfg Config, manual bool) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	x := &Index{cfg: cfg, table: newTable(), files: []*vectorfile.File{nil}, pending: newBatch()}
	chain, err := vectorfile.Open(vectorfile.Config{
		FS: cfg.FS, Dir: cfg.Dir, Dims: cfg.Dims, Keep: true, Manual: manual, Merged: x.merged, Logger: cfg.Logger,
	}, x.load)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", cfg.Dir, err)
	}
	x.chain = chain
	x.applied = chain.Index()
	x.durable.Store(x.applied)
	return x, nil
}

// load takes a record of the files.
func (x *Index) load(f *vectorfile.File, r *vectorfile.Record) error {
	number := len(x.files) - 1
	if x.files[number] != f {
		number++
		x.files = append(x.files, f)
	}
	if r.Deleted {
		x.table.remove(r.Vector.ID)
		return nil
	}
	v := &r.Vector
	x.set(v.ID, v.Version, v.Digest, placeOf(number, r.Offset))
	return nil
}

// set adds or changes an entry.
func (x *Index) set(id string, version uint64, digest [16]byte, at place) {
	if e := x.table.get(id); e != nil {
		e.version, e.digest, e.at = version, digest, at
		return
	}
	x.table.put(entry{id: id, version: version, digest: digest, at: at})
}

// Count is the number of vectors.
func (x *Index) Count(context.Context) (int, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.table.entries, nil
}

// Limit is the number of vectors that the vault takes.
func (x *Index) Limit() int { return x.cfg.Limit }

// UnflushedBytes estimates the memory of the vectors that are in no file yet. It grows with every Apply: the
// caller flushes before it is too much.
func (x *Index) UnflushedBytes() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.pending.bytes + x.frozen.bytes
}

// AppliedIndex is the log index of the last Apply that the vault holds.
func (x *Index) AppliedIndex() uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.applied
}

// DurableIndex is the log index up to which nothing is lost on a restart.
func (x *Index) DurableIndex() uint64 { return x.durable.Load() }

// Checkpoint makes dir, which must not exist (fs.ErrExist), a directory of its own for the vault as of the durable
// log index, which it returns. Its files are hard links, or copies where dir is on another file system. dir appears
// complete and durable, or not at all. Everything goes on meanwhile, but a flush ends after it. Errors: ErrClosed,
// the context's, the file system's; none of them harms the vault.
func (x *Index) Checkpoint(ctx context.Context, dir string) (index uint64, err error) {
	if index, err = x.chain.Checkpoint(ctx, dir); err != nil {
		return 0, fmt.Errorf("checkpoint of vectors: %w", err)
	}
	return index, nil
}

// Close frees the directory; what reads meanwhile ends well, later calls get ErrClosed. It does not flush: what is
// not durable is in the log.
func (x *Index) Close() error {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	if err := x.chain.Close(); err != nil {
		return fmt.Errorf("close vault: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.table, x.files, x.pending, x.frozen = newTable(), nil, newBatch(), batch{}
	return nil
}
