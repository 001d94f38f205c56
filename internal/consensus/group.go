package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Group is one replica of a raft group. Its methods may be called concurrently.
type Group struct {
	cfg       Config
	raft      *raft.Raft
	guard     *guard
	fsm       *fsm
	snapshots *snapshots
	peers     raft.Transport // the caller's or link, for the handover of a failed replica
	link      *Link          // nil without a Network
	via       *transport     // what raft sends through, with a Network patiently
	announcer announcer
	transfers atomic.Int32 // of leadership, under way
	failure   *failure
	metrics   *metrics

	ready   atomic.Pointer[readiness] // nil while not leading
	leading chan bool
	stamped atomic.Uint64 // newest checkpoint put on an entry
	durable atomic.Uint64 // last command the machine reported durable
	ahead   atomic.Uint64 // up to where the machine may be ahead of the log
	started chan struct{} // closed when raft is set

	restoring  atomic.Bool // a restore runs in the background
	persisting sync.Mutex
	reads      chan chan verdict

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	routines sync.WaitGroup
	mu       sync.RWMutex
	closed   bool
	inflight sync.WaitGroup // proposals; added to under mu while not closed
	shutdown func() raft.Future
}

// readiness is a leader's proof that it has applied all that was committed before its term.
type readiness struct{ term, index uint64 }

// fail ends the replica: nothing more is sent, stored, applied or acknowledged.
func (g *Group) fail(reason error) { g.failFirst(reason) }

// failFirst tells whether the replica had not failed before.
func (g *Group) failFirst(reason error) bool {
	first := g.failure.set(reason)
	if first && errors.Is(reason, ErrRestored) {
		g.cfg.Logger.Info("consensus replica must be reopened", slog.String("group", g.cfg.Group), slog.Any("reason", reason))
	} else if first {
		g.cfg.Logger.Error("consensus replica failed", slog.String("group", g.cfg.Group), slog.Any("error", reason))
	}
	return first
}

// Failed is closed when the replica has failed. Close it then, and Open it again: opening checks everything.
func (g *Group) Failed() <-chan struct{} { return g.failure.failed }

// Err is nil, or ErrFailed with the reason.
func (g *Group) Err() error { return g.failure.err() }

// IsLeader tells whether this replica leads and has applied everything committed before its term.
func (g *Group) IsLeader() bool {
	_, ok := g.leadership()
	return ok
}

func (g *Group) leadership() (readiness, bool) {
	ready := g.ready.Load()
	if ready == nil || g.failure.err() != nil || g.raft.State() != raft.Leader || g.raft.CurrentTerm() != ready.term {
		return readiness{}, false
	}
	return *ready, true
}

// Leader is the id of the leader this replica knows, which may be a former one.
func (g *Group) Leader() (id string, ok bool) {
	if g.failure.err() != nil {
		return "", false
	}
	_, leader := g.raft.LeaderWithID()
	return string(leader), leader != ""
}

// LeaderChanges tells of changes of IsLeader. Of changes nobody received only the newest is kept.
func (g *Group) LeaderChanges() <-chan bool { return g.leading }

// AppliedIndex is the last entry this replica's machine has seen.
func (g *Group) AppliedIndex() uint64 { return g.fsm.applied.get() }

// Term is raft's current term.
func (g *Group) Term() uint64 { return g.raft.CurrentTerm() }

// Outcome tells what became of the command with this key, as far as this replica has applied: index is its entry, and
// result what Apply returned if known is true (it is forgotten by a restart). ok is false when no such command is
// among the last DedupWindow entries: it is not committed, or not yet, or longer ago. A leader asked after a
// ReadBarrier knows of every command committed before.
func (g *Group) Outcome(key [16]byte) (index uint64, result any, known, ok bool) {
	r, ok := g.fsm.window.get(key)
	return r.index, r.result, r.known, ok
}

// watch runs until Close or failure. It looks for store writes that take too long, and brings a failed replica down.
func (g *Group) watch() {
	ticker := time.NewTicker(max(g.cfg.DiskStallLimit/stallChecks, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-g.failure.failed:
			g.bringDown()
			return
		case <-ticker.C:
			if w, ok := g.guard.oldest(); ok && time.Since(w.began) > g.cfg.DiskStallLimit {
				g.fail(fmt.Errorf("%s takes longer than %v: %w", w.operation, g.cfg.DiskStallLimit, ErrDiskStalled))
			}
		}
	}
}

// bringDown shuts raft down and, if it led, asks the others to elect. raft itself can't hand leadership over here:
// its loop may hang in the very write that failed. A voter that lags loses its election, and another follows.
func (g *Group) bringDown() {
	led := g.raft.State() == raft.Leader
	g.shutdown()
	if g.link != nil {
		g.link.stop()
	}
	g.ready.Store(nil)
	g.notify(false)
	if led {
		g.handOver()
	}
}

// follow turns raft's leadership changes into ours.
func (g *Group) follow() {
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-g.failure.failed:
			return
		case leads := <-g.raft.LeaderCh():
			g.ready.Store(nil)
			if !leads {
				g.notify(false)
				continue
			}
			if ready, ok := g.settle(); ok {
				g.ready.Store(&ready)
				g.notify(true)
			}
		}
	}
}

// settle commits a barrier in the new term and waits until it has passed the state machine.
func (g *Group) settle() (readiness, bool) {
	term := g.raft.CurrentTerm()
	barrier := g.raft.Barrier(0)
	if g.await(g.ctx, barrier) != nil {
		return readiness{}, false // leadership is lost again; LeaderCh tells
	}
	at, ok := barrier.(raft.IndexFuture)
	if !ok {
		g.fail(fmt.Errorf("barrier of type %T has no index: %w", barrier, ErrFailed))
		return readiness{}, false
	}
	return readiness{term, at.Index()}, g.raft.CurrentTerm() == term
}

func (g *Group) notify(leads bool) {
	select {
	case <-g.leading: // nobody took the last one
	default:
	}
	select {
	case g.leading <- leads:
	default: // another change came in between, and is newer
	}
}

// await waits for raft's answer, the context or the replica's failure. raft forgets some futures when it shuts down;
// the goroutine that waits for one of those stays.
func (g *Group) await(ctx context.Context, future raft.Future) error {
	return g.attempt(ctx, future.Error)
}

// attempt is await for a call of raft's that may itself take its time.
func (g *Group) attempt(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-g.failure.failed:
		return g.failure.err()
	}
}

// TransferLeadership hands leadership to the most advanced other voter.
func (g *Group) TransferLeadership(ctx context.Context) error {
	if err := g.attempt(ctx, func() error { return g.transfer(g.raft.LeadershipTransfer) }); err != nil {
		return fmt.Errorf("transfer leadership of group %s: %w", g.cfg.Group, err)
	}
	return nil
}

// Snapshot makes the machine durable and compacts the log, as happens by itself every SnapshotThreshold entries.
func (g *Group) Snapshot(ctx context.Context) error {
	if err := g.failure.err(); err != nil {
		return err
	}
	if err := g.await(ctx, g.raft.Snapshot()); err != nil {
		return fmt.Errorf("snapshot group %s: %w", g.cfg.Group, err)
	}
	return nil
}

// persist runs on raft's snapshot goroutine, before log entries are discarded.
func (g *Group) persist(s *snapshot) (err error) {
	began := time.Now()
	s.ref.durable, err = g.makeDurable(g.ctx, s.ref.command)
	g.metrics.persist.Observe(time.Since(began).Seconds())
	return err
}
