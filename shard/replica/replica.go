package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"sagasu/internal/consensus"
	"sagasu/sparse"
)

// Replica is one replica of one shard. All methods may be called by any number of goroutines.
type Replica struct {
	cfg       Config
	lock      io.Closer
	sparse    *sparse.Index
	vectors   *vectors
	state     *state
	requests  *requestLog
	machine   *machine
	group     *consensus.Group
	committer *committer
	metrics   *metrics

	// wanted is what the metadata say, rewanted holds a token when that changed.
	wanted   atomic.Pointer[Wanted]
	rewanted chan struct{}
	// workers are those of a leader, nil elsewhere.
	workers atomic.Pointer[workers]
	// reached has, by worker, the version up to which it found nothing left to do.
	reached sync.Map
	// lags remembers what waits.
	lags lags

	// stop ends the goroutines that running counts.
	stop context.CancelFunc
	// caughtUp is closed when this replica has caught up with its group for the first time.
	caughtUp chan struct{}
	running  sync.WaitGroup
	failure  failure
}

// failure keeps the first error that ended the replica.
type failure struct {
	mu   sync.Mutex
	err  error
	done chan struct{}
}

// Open opens the replica of a directory, or creates it. Entries of the log that the indexes don't hold
// are applied before or after Open returns; Ready tells. A directory that another process has open is
// refused with vfs.ErrLocked, damaged files with the errors of their packages; see Damaged.
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
		cfg: cfg, lock: lock, state: newState(), requests: newRequestLog(), caughtUp: make(chan struct{}),
		rewanted: make(chan struct{}, 1), failure: failure{done: make(chan struct{})},
	}
	if cfg.Wanted.Dense == nil {
		cfg.Wanted.Dense = cfg.Schema.Dense
	}
	r.wanted.Store(&cfg.Wanted)
	if err := r.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open replica of index %q: %w", cfg.Name, err), r.release())
	}
	return r, nil
}

// open builds from the bottom up; what it made is found in r, for release to close.
func (r *Replica) open() error {
	if err := r.finishRepair(); err != nil {
		return err
	}
	if err := r.adopt(); err != nil {
		return err
	}
	if err := r.refuseLost(); err != nil {
		return err
	}
	r.vectors = newVectors(r.cfg.FS, r.cfg.Dir, r.openStore)
	if err := r.openSparse(); err != nil {
		return err
	}
	if err := r.openVectors(); err != nil {
		return err
	}
	r.machine = newMachine(r.cfg.Schema, r.sparse, r.vectors, r.state, r.requests, newAges(r.cfg.Now))
	lag := func() float64 { return float64(r.DenseLag()) }
	age := func() float64 { return r.denseAge().Seconds() }
	var err error
	if r.metrics, err = newMetrics(r.cfg.Registry, r.cfg.Name, r.cfg.Shard, lag, age); err != nil {
		return err
	}
	if r.group, err = consensus.Open(r.consensusConfig(), r.machine); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	r.committer = newCommitter(r.group, r.group.AwaitKnown, r.metrics)
	r.start()
	return nil
}

func (r *Replica) openSparse() error {
	cfg := sparse.Default()
	cfg.FS, cfg.Dir, cfg.Schema = r.cfg.FS, filepath.Join(r.cfg.Dir, sparseDir), r.cfg.Schema
	cfg.Analyzers, cfg.Logger, cfg.State = r.cfg.Analyzers, r.cfg.Logger, r.manifestState
	cfg.Courtesy = r.cfg.Courtesy
	if r.cfg.FlushBytes > 0 {
		cfg.FlushBytes = r.cfg.FlushBytes
	}
	index, err := sparse.Open(cfg)
	if err != nil {
		return fmt.Errorf("open sparse index: %w", err)
	}
	r.sparse = index
	return nil
}

// manifestState is what goes into a manifest of the sparse index. The vectors are made durable before it, so that
// they are never behind what the manifest tells of them.
func (r *Replica) manifestState() []byte {
	if err := r.vectors.flush(context.Background()); err != nil && r.machine != nil {
		r.machine.stop(fmt.Errorf("flush %w", err))
	}
	return encodeState(r.state, r.requests)
}

// openVectors reads the state, and opens the vectors of the generations that it tells of. A new replica begins as
// every other one of its group has: with generation 0, whose dimensions it knows unless the index has changed its
// model since.
func (r *Replica) openVectors() error {
	if dense := r.cfg.Schema.Dense; dense != nil {
		dims := 0
		if dense.Generation == 0 {
			dims = dense.Dims
		}
		r.state.begin(0, dims, 0)
	}
	if err := restoreState(r.sparse.RecoveredState(), r.state, r.requests, r.cfg.Collection != nil); err != nil {
		return err
	}
	known := r.state.numbers()
	if err := r.vectors.removeStray(known); err != nil {
		return err
	}
	for _, number := range known {
		g := r.state.find(number)
		if g.dims == 0 {
			continue
		}
		if err := r.vectors.add(number, g.dims, g.born); err != nil {
			return err
		}
	}
	return nil
}

// start runs the workers and the watch over the parts.
func (r *Replica) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.running.Go(func() { r.watch(ctx) })
	r.running.Go(func() { r.lead(ctx) })
	r.running.Go(func() { r.catchUp(ctx) })
	r.running.Go(func() { r.bury(ctx) })
	r.running.Go(func() { r.scrub(ctx) })
	r.running.Go(func() { r.sift(ctx) })
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

// DenseTrouble is why the workers of the present generation are held up, "" if they aren't, or this replica does
// not lead.
func (r *Replica) DenseTrouble() string {
	config, _ := r.current()
	return r.workers.Load().trouble(config.Generation)
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
	if r.vectors != nil {
		errs = append(errs, r.vectors.close())
	}
	if r.sparse != nil {
		errs = append(errs, r.sparse.Close())
	}
	errs = append(errs, r.lock.Close())
	return errors.Join(errs...)
}
