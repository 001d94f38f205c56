package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/hashicorp/raft"
)

// receive decides about a snapshot another replica sends; it runs on raft's main goroutine. If the machine has, and
// has durably, what the snapshot covers, it is kept: the log goes on after it, and entries the machine has are skipped.
// Otherwise the machine is brought there in the background, and the leader told to come again.
func (g *Group) receive(s streamed) (reference, error) {
	<-g.started
	switch durable := g.durable.Load(); {
	case s.ref.old:
		return reference{}, fmt.Errorf("%w: its reference has no keys", ErrRestoreUnsupported)
	case g.hasEntry(s.index, s.term):
		return reference{}, fmt.Errorf("%w: the log has entry %d", ErrRestoreUnsupported, s.index)
	case durable >= s.ref.command:
		g.fsm.noteMembers(s.members)
		// What the machine has beyond the snapshot, the log will lack for a while.
		ahead := max(g.ahead.Load(), g.AppliedIndex(), g.raft.AppliedIndex())
		g.ahead.Store(ahead)
		kept := s.ref
		kept.durable, kept.ahead = durable, ahead
		return kept, nil
	case g.AppliedIndex() >= s.ref.command:
		g.inBackground("make durable what a snapshot covers", func(ctx context.Context) error {
			_, err := g.makeDurable(ctx, s.ref.command)
			return err
		})
	case g.cfg.Fetch == nil:
		return reference{}, ErrRestoreUnsupported
	default:
		_, from := g.raft.LeaderWithID()
		g.inBackground("fetch the state of another replica", func(ctx context.Context) error {
			return g.fetch(ctx, string(from), s)
		})
	}
	return reference{}, ErrRestoring
}

// hasEntry tells whether the log holds the entry. All entries before it are the leader's as well then.
func (g *Group) hasEntry(index, term uint64) bool {
	var log raft.Log
	return g.guard.store.GetLog(index, &log) == nil && log.Term == term
}

// inBackground runs the job unless one is running. It is bounded by Close and by the replica's failure.
func (g *Group) inBackground(what string, job func(context.Context) error) {
	if !g.restoring.CompareAndSwap(false, true) {
		return
	}
	g.routines.Go(func() {
		defer g.restoring.Store(false)
		ctx, cancel := context.WithCancel(g.ctx)
		defer cancel()
		g.routines.Go(func() {
			select {
			case <-g.failure.failed:
				cancel()
			case <-ctx.Done():
			}
		})
		logger := g.cfg.Logger.With(slog.String("group", g.cfg.Group))
		logger.Info(what)
		if err := job(ctx); err != nil {
			logger.Warn(what, slog.Any("error", err))
		}
	})
}

// fetch copies the files of another replica's machine beside this one's and ends this replica, which then opens with
// them. Nothing of this replica changes before.
func (g *Group) fetch(ctx context.Context, from string, s streamed) error {
	partial := g.cfg.RestoreDir + partialSuffix
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o700)); err != nil {
		return fmt.Errorf("prepare %s: %w", partial, err)
	}
	durable, err := g.cfg.Fetch(ctx, from, partial)
	switch {
	case err != nil:
		return fmt.Errorf("fetch from %s: %w", from, err)
	case durable < s.ref.command:
		return fmt.Errorf("fetch from %s: files are durable to index %d, the snapshot needs %d: %w",
			from, durable, s.ref.command, ErrStateBehind)
	}
	if err := writeRestore(partial, restored{streamed: s, durable: durable}); err != nil {
		return err
	}
	if err := g.overtaken(s); err != nil {
		return err
	}
	// From here on nothing more is stored or acknowledged, so that nothing the restored replica lacks ever was.
	if !g.failFirst(ErrRestored) {
		return g.failure.err()
	}
	if err := g.overtaken(s); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return renameDurably(partial, g.cfg.RestoreDir)
}

// overtaken refuses to restore a replica that has got, some other way, entries beyond the snapshot which it may have
// acknowledged since.
func (g *Group) overtaken(s streamed) error {
	last, err := g.guard.store.LastIndex()
	if err != nil {
		return err
	}
	var log raft.Log
	if last <= s.index {
		return nil
	}
	if err := g.guard.store.GetLog(s.index, &log); err == nil && log.Term != s.term {
		return nil // a tail that conflicts with what is committed
	}
	return fmt.Errorf("log has reached %d, beyond the snapshot's %d: %w", last, s.index, errOvertaken)
}

// makeDurable has the machine persist, which it must to index at least. One at a time.
func (g *Group) makeDurable(ctx context.Context, atLeast uint64) (uint64, error) {
	g.persisting.Lock()
	defer g.persisting.Unlock()
	durable, err := g.fsm.machine.Persist(ctx)
	switch {
	case g.ctx.Err() != nil:
		return 0, ErrClosed
	case err != nil && g.failure.err() != nil:
		return 0, g.failure.err()
	case err != nil:
		err = fmt.Errorf("persist: %w: %w", ErrStateMachine, err)
	case durable < atLeast:
		err = fmt.Errorf("persist reached index %d, %d was applied before: %w", durable, atLeast, ErrStateMachine)
	}
	if err != nil {
		g.fail(err)
		return 0, err
	}
	g.durable.Store(durable)
	return durable, g.failure.err()
}
