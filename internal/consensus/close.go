package consensus

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Close stops the replica: it takes no more proposals, waits for those under way, hands leadership over where there is
// another voter, and gives up the directory. It is bounded: with a write hanging in the disk it returns
// ErrDiskStalled and leaves the store locked. Closing again does nothing.
func (g *Group) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	g.mu.Unlock()

	within(g.cfg.LeaderLease, g.inflight.Wait) // later they end with raft
	if g.failure.err() == nil && g.raft.State() == raft.Leader && !g.alone() {
		g.stepDown()
	}
	g.cancel()
	down := g.shutdown()
	g.unlink()
	stopped := within(g.cfg.DiskStallLimit, func() {
		// the future only waits; there is no error to lose
		_ = down.Error()
		g.routines.Wait()
	})
	g.metrics.unregister()
	g.ready.Store(nil)
	g.notify(false)
	if !stopped {
		return fmt.Errorf("close group %s: %w", g.cfg.Group, ErrDiskStalled)
	}
	if err := g.guard.store.Close(); err != nil {
		return fmt.Errorf("close group %s: %w", g.cfg.Group, err)
	}
	return nil
}

// stepDown hands leadership over as well as it can; without it the others elect after their timeout.
func (g *Group) stepDown() {
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.ElectionTimeout)
	defer cancel()
	heirs, alive := g.heirs()
	if alive == 0 {
		return // nobody to wait for
	}
	transfer := g.TransferLeadership
	if g.link != nil { // raft itself might choose one that is gone
		transfer = func(ctx context.Context) error { return g.TransferLeadershipTo(ctx, string(heirs[0].ID)) }
	}
	if err := transfer(ctx); err != nil {
		g.cfg.Logger.Warn(err.Error())
	}
}

// unlink leaves the Network, if there is one, and ends calls to others.
func (g *Group) unlink() {
	if g.link == nil {
		return
	}
	if err := g.link.Close(); err != nil {
		g.cfg.Logger.Warn("close link", "group", g.cfg.Group, "error", err)
	}
}

// within runs f and tells whether it ended in time; else it goes on by itself.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
