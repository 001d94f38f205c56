package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"sagasu/internal/consensus"
	"sagasu/internal/dense"
	"sagasu/internal/dense/flat"
	"sagasu/sparse"
)

// Replica is one replica of one shard. All methods may be called by any number of goroutines.
type Replica struct {
	cfg    Config
	lock   io.Closer
	sparse *sparse.Index
	// dense is the index that searches ask: flat or Config.Remote; nil without a dense leg.
	dense     dense.Index
	state     *denseState
	requests  *requestLog
	machine   *machine
	group     *consensus.Group
	committer *committer
	outbox    *outbox
	metrics   *metrics

	// stop ends the goroutines that running counts.
	stop context.CancelFunc
	// current is closed when this replica has caught up with its group for the first time.
	current chan struct{}
	running sync.WaitGroup
	failure failure
}

// failure keeps the first error that ended the replica.
type failure struct {
	mu   sync.Mutex
	err  error
	done chan struct{}
}

// Open opens the replica of a directory, or creates it. Entries of the log that the indexes don't hold
// are applied before or after Open returns; Ready tells. A directory that another process has open is
// refused with vfs.ErrLocked, damaged files with the errors of their packages.
func Open(cfg Config) (*Replica, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("open replica of index %q: %w", cfg.Name, err)
	}
	r := &Replica{
		cfg: cfg, lock: lock, state: newDenseState(), requests: newRequestLog(), current: make(chan struct{}),
		failure: failure{done: make(chan struct{})},
	}
	if err := r.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open replica of index %q: %w", cfg.Name, err), r.release())
	}
	return r, nil
}

// open builds from the bottom up; what it made is found in r, for release to close.
func (r *Replica) open() error {
	if err := r.adopt(); err != nil {
		return err
	}
	if err := r.openSparse(); err != nil {
		return err
	}
	local, err := r.openDense()
	if err != nil {
		return err
	}
	var vectors flatVectors
	if local != nil {
		vectors = local
	}
	r.machine = newMachine(r.sparse, vectors, r.cfg.Remote != nil, r.state, r.requests)
	lag := func() float64 { return float64(r.DenseLag()) }
	if r.metrics, err = newMetrics(r.cfg.Registry, r.cfg.Name, r.cfg.Shard, lag); err != nil {
		return err
	}
	if r.group, err = consensus.Open(r.consensusConfig(), r.machine); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	r.committer = newCommitter(r.group, r.group.AwaitKnown, r.metrics)
	r.outbox = r.newOutbox()
	r.start()
	return nil
}

func (r *Replica) openSparse() error {
	cfg := sparse.Default()
	cfg.FS, cfg.Dir, cfg.Schema = r.cfg.FS, filepath.Join(r.cfg.Dir, sparseDir), r.cfg.Schema
	cfg.Analyzers, cfg.Logger, cfg.State = r.cfg.Analyzers, r.cfg.Logger, r.manifestState
	if r.cfg.FlushBytes > 0 {
		cfg.FlushBytes = r.cfg.FlushBytes
	}
	index, err := sparse.Open(cfg)
	if err != nil {
		return fmt.Errorf("open sparse index: %w", err)
	}
	r.sparse = index
	return restoreState(index.RecoveredState(), r.state, r.requests)
}

// manifestState is what goes into a manifest of the sparse index. The vectors are made durable before
// it, so that the dense index is never behind by more than the entry being applied: in a replay, the
// documents are then those of the entry that is replayed, and so is their hash.
func (r *Replica) manifestState() []byte {
	if local, ok := r.dense.(*flat.Index); ok && r.machine != nil {
		if _, err := local.Flush(context.Background()); err != nil {
			r.machine.stop(fmt.Errorf("flush dense index: %w", err))
		}
	}
	return encodeState(r.state, r.requests)
}

// openDense gives the flat index, nil if the dense leg is remote or there is none.
func (r *Replica) openDense() (*flat.Index, error) {
	switch {
	case r.cfg.Schema.Dense == nil:
		return nil, nil
	case r.cfg.Remote != nil:
		r.dense = r.cfg.Remote
		return nil, nil
	}
	local, err := flat.Open(r.flatConfig())
	if err != nil {
		return nil, fmt.Errorf("open dense index: %w", err)
	}
	r.dense = local
	return local, nil
}

// start runs the worker and the watch over the parts.
func (r *Replica) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.running.Go(func() { r.watch(ctx) })
	r.running.Go(func() { r.lead(ctx) })
	r.running.Go(func() { r.catchUp(ctx) })
}

// newOutbox makes the dense worker, nil for an index without a dense leg.
func (r *Replica) newOutbox() *outbox {
	if r.cfg.Schema.Dense == nil {
		return nil
	}
	o := &outbox{
		schema: r.cfg.Schema, sparse: r.sparse, state: r.state, log: r.group, embedder: r.cfg.Embedder,
		remote: r.cfg.Remote, last: r.machine.version.Load, reached: &r.machine.reached,
		wake: r.machine.wake, retry: make(chan struct{}, 1), after: r.cfg.After,
		logger: r.cfg.Logger.With("index", r.cfg.Name), metrics: r.metrics,
	}
	if local, ok := r.dense.(*flat.Index); ok {
		o.room = func(ctx context.Context, vectors int) error { return room(ctx, local, vectors) }
	}
	return o
}

// room returns dense.ErrFull if the index can't take that many vectors more.
func room(ctx context.Context, x *flat.Index, vectors int) error {
	count, err := x.Count(ctx)
	if err != nil {
		return fmt.Errorf("count vectors: %w", err)
	}
	if count+vectors > x.Limit() {
		return fmt.Errorf("%d vectors beside %d, the limit is %d: %w", vectors, count, x.Limit(), dense.ErrFull)
	}
	return nil
}

// lead runs the dense worker whenever this replica leads.
func (r *Replica) lead(ctx context.Context) {
	changes := r.group.LeaderChanges()
	leading := r.group.IsLeader()
	for ctx.Err() == nil {
		term, end := context.WithCancel(ctx)
		var worker sync.WaitGroup
		if leading && r.outbox != nil {
			worker.Go(func() { r.outbox.tail(term) })
		}
		select {
		case leading = <-changes:
		case <-ctx.Done():
		}
		end()
		worker.Wait()
	}
}

// watch fails the replica as soon as one of its parts has failed.
func (r *Replica) watch(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-r.machine.failed:
		r.fail(r.machine.cause())
	case <-r.group.Failed():
		r.fail(r.group.Err())
	case <-r.sparse.Failed():
		r.fail(r.sparse.Err())
	}
}

func (r *Replica) fail(err error) {
	r.failure.mu.Lock()
	defer r.failure.mu.Unlock()
	if r.failure.err != nil {
		return
	}
	r.failure.err = fmt.Errorf("replica of index %q failed: %w", r.cfg.Name, err)
	r.cfg.Logger.Error("replica failed and stops", "index", r.cfg.Name, "error", err)
	close(r.failure.done)
}

// Failed is closed when the replica can't go on (a damaged file, a failed disk, an entry it doesn't
// understand). It then refuses writes; Err tells why.
func (r *Replica) Failed() <-chan struct{} { return r.failure.done }

// Err is why the replica failed, nil while it hasn't.
func (r *Replica) Err() error {
	r.failure.mu.Lock()
	defer r.failure.mu.Unlock()
	return r.failure.err
}

// AppliedEntries is the number of log entries applied since Open: after a restart, the log's tail.
func (r *Replica) AppliedEntries() uint64 { return r.machine.entries.Load() }

// DenseTrouble is why the dense worker is held up, "" if it isn't.
func (r *Replica) DenseTrouble() string {
	if r.outbox == nil {
		return ""
	}
	if text := r.outbox.trouble.Load(); text != nil {
		return *text
	}
	return ""
}

// Close stops the replica. What was acknowledged is in the log and comes back at the next Open.
func (r *Replica) Close() error {
	if err := r.release(); err != nil {
		return fmt.Errorf("close replica of index %q: %w", r.cfg.Name, err)
	}
	return nil
}

// release closes what is open, from the top down.
func (r *Replica) release() error {
	var errs []error
	if r.stop != nil {
		r.stop()
		r.running.Wait()
	}
	if r.committer != nil {
		r.committer.close()
	}
	if r.group != nil {
		errs = append(errs, r.group.Close())
	}
	if r.metrics != nil {
		r.metrics.close()
	}
	if r.dense != nil {
		errs = append(errs, r.dense.Close())
	}
	if r.sparse != nil {
		errs = append(errs, r.sparse.Close())
	}
	errs = append(errs, r.lock.Close())
	return errors.Join(errs...)
}
