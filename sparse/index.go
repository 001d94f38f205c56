package sparse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse/analysis"
)

// Config configures an index.
type Config struct {
	// FS is the file system, vfs.OS() in production.
	FS vfs.FS
	// Dir is the index's own directory; made if missing.
	Dir    string
	Schema api.Schema
	// Analyzers gives the analyzers that the schema names.
	Analyzers *analysis.Registry
	// FlushBytes is the size of the mutable segment, in bytes, at which it is frozen and written.
	FlushBytes int
	// ReorderDocs is the number of documents from which on a segment's are put into the order in which they are searched
	// best; 0 for never. No answer depends on it.
	ReorderDocs int
	// State gives the owner's state as of the last applied batch, kept with the manifest; nil for none.
	// It is called by the goroutine that calls Apply or Flush, never during either's changes.
	State func() []byte
	// Courtesy is how background work gives way to searches; nil for DefaultCourtesy, for this index alone.
	Courtesy *Courtesy
	// Logger is told of flushes and merges.
	Logger *slog.Logger
}

// Default gives a Config to which FS, Dir, Schema, Analyzers and Logger are to be added.
func Default() Config { return Config{FlushBytes: defaultFlushBytes, ReorderDocs: defaultReorderDocs} }

// Validate names the first setting that can't be.
func (c Config) Validate() error {
	switch {
	case c.FS == nil:
		return errors.New("sparse: FS is not set")
	case c.Dir == "":
		return errors.New("sparse: Dir is not set")
	case c.Analyzers == nil:
		return errors.New("sparse: Analyzers is not set")
	case c.Logger == nil:
		return errors.New("sparse: Logger is not set")
	case c.FlushBytes <= 0:
		return fmt.Errorf("sparse: FlushBytes is %d, must be positive", c.FlushBytes)
	case c.ReorderDocs < 0:
		return fmt.Errorf("sparse: ReorderDocs is %d, must not be negative", c.ReorderDocs)
	case c.FlushBytes > maxFlushBytes:
		return fmt.Errorf("sparse: FlushBytes is %d, must be at most %d", c.FlushBytes, maxFlushBytes)
	}
	return nil
}

// Index is an index on disk. Apply and Flush may be called by different goroutines; Snapshot and Checkpoint by
// any.
type Index struct {
	cfg    Config
	fields *fieldSet
	frames framePool
	// filters are sets of documents of files.
	filters filterCache
	lock    io.Closer

	// mu guards what Apply changes: the mutable segment, pending, applied, version.
	mu      sync.Mutex
	active  *part
	pending []*flushJob
	applied uint64
	version uint64
	closed  bool
	// room is signalled when pending shrinks.
	room *sync.Cond

	current atomic.Pointer[generation]

	// checkpointing is held by the one that makes a checkpoint, and by Close, which waits for it; taken first.
	checkpointing sync.Mutex
	// merging is held by the one that merges; taken before commit.
	merging sync.Mutex
	// commit guards the manifest on disk; taken before mu, never after. durable is changed under both and may be
	// read under either.
	commit    sync.Mutex
	durable   manifest
	durableAt atomic.Uint64
	nextFile  atomic.Uint64
	// segments is how many durable has.
	segments atomic.Int64

	recovered []byte
	work      *background
}

// Open opens the index in cfg.Dir, or makes it. Errors: vfs.ErrLocked if another process has it open,
// ErrSchema, ErrCorrupt, ErrNewerFormat, and segment's, each naming the file.
func Open(cfg Config) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	fields, err := newFieldSet(cfg.Schema, cfg.Analyzers)
	if err != nil {
		return nil, err
	}
	if cfg.Courtesy == nil {
		cfg.Courtesy = NewCourtesy(DefaultCourtesy())
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("make index directory: %w", err)
	}
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x := &Index{cfg: cfg, fields: fields, lock: lock}
	x.room = sync.NewCond(&x.mu)
	if err := x.recover(); err != nil {
		return nil, errors.Join(err, x.closeParts(), lock.Close())
	}
	startBackground(x)
	return x, nil
}

// closeParts unmaps what a failed Open had mapped.
func (x *Index) closeParts() error {
	g := x.current.Load()
	if g == nil {
		return nil
	}
	var errs []error
	for _, v := range g.views {
		if v.part.file != nil {
			errs = append(errs, v.part.file.Close())
		}
	}
	return errors.Join(errs...)
}

// AppliedIndex is the index of the last applied batch.
func (x *Index) AppliedIndex() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.applied
}

// DurableIndex is the index up to which batches survive a crash.
func (x *Index) DurableIndex() uint64 { return x.durableAt.Load() }

// LastVersion is the highest version given to a document; a deletion takes one too.
func (x *Index) LastVersion() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.version
}

// Hash is a digest of the live documents (ids, versions, content), whatever the segments are.
func (x *Index) Hash() uint64 {
	g := x.acquire()
	defer x.release(g)
	return g.digest
}

// RecoveredState is what Config.State gave for the manifest that Open read; nil in a new index.
func (x *Index) RecoveredState() []byte { return x.recovered }

// Failed is closed when background work failed for good; the index must then be closed. See Err.
func (x *Index) Failed() <-chan struct{} { return x.work.failed }

// Err tells why Failed is closed.
func (x *Index) Err() error { return x.work.failure() }

// Snapshot takes a view of the index as it is; it must be released.
func (x *Index) Snapshot() *Snapshot { return &Snapshot{index: x, gen: x.acquire()} }

// acquire takes a reference to the current generation.
func (x *Index) acquire() *generation {
	for {
		if g := x.current.Load(); g.acquire() {
			return g
		}
	}
}

// release gives a reference back; the last one lets go of the generation's parts.
func (x *Index) release(g *generation) {
	if g.refs.Add(-1) > 0 {
		return
	}
	for _, v := range g.views {
		x.releasePart(v.part)
	}
}

func (x *Index) releasePart(p *part) {
	if p.refs.Add(-1) > 0 || p.file == nil {
		return
	}
	path := p.file.Path()
	if err := p.file.Close(); err != nil {
		x.work.fail(fmt.Errorf("close segment %s: %w", path, err))
		return
	}
	if p.remove.Load() {
		if err := x.cfg.FS.Remove(path); err != nil {
			x.work.fail(fmt.Errorf("remove segment %s: %w", path, err))
		}
	}
}

// publish makes g the current generation. Its views' parts gain a reference.
func (x *Index) publish(g *generation) {
	g.refs.Store(1)
	for _, v := range g.views {
		v.part.refs.Add(1)
	}
	if old := x.current.Swap(g); old != nil {
		x.release(old)
	}
}

// Flush makes every applied batch durable and returns the index up to which they are.
func (x *Index) Flush(ctx context.Context) (uint64, error) {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return 0, ErrClosed
	}
	target := x.applied
	if target > x.durableAt.Load() && !x.isPending(target) {
		x.freeze()
	}
	x.mu.Unlock()
	return x.work.wait(ctx, x, target)
}

func (x *Index) isPending(index uint64) bool {
	n := len(x.pending)
	return n > 0 && x.pending[n-1].applied == index
}

// Close stops background work and lets go of the files; what is not flushed stays in the log of the
// caller. Snapshots must have been released.
func (x *Index) Close() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return ErrClosed
	}
	x.closed = true
	x.room.Broadcast()
	x.mu.Unlock()
	x.work.stop()
	x.checkpointing.Lock()
	defer x.checkpointing.Unlock()
	x.release(x.current.Load())
	if err := x.lock.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", x.cfg.Dir, err)
	}
	return nil
}
