package gossip

import (
	"context"
	"fmt"
	"time"
)

// Leave tells the others that this node leaves, so that they hold it to be Left and not Dead, and waits until the news
// is out: until ctx is done, five seconds at most. What is not out by then goes on until Close. The node goes on
// listening too, but is no member any more and can't become one again.
func (g *Gossip) Leave(ctx context.Context) error {
	g.closing.Lock()
	if g.closed {
		g.closing.Unlock()
		return fmt.Errorf("leave the cluster: %w", ErrClosed)
	}
	done := make(chan error, 1)
	g.routines.Go(func() { done <- g.leave() })
	g.closing.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("leave the cluster: %w", ctx.Err())
	}
}

func (g *Gossip) leave() error {
	g.settle() // or we would join again
	g.updates.Lock()
	defer g.updates.Unlock()
	deadline := time.Now().Add(leaveTimeout)
	if !g.leaving {
		g.leaving = true
		told, err := encodeMeta(g.table.ownMeta(), true)
		if err == nil { // it may be full to the last byte; then we are taken for dead
			g.told.Store(&told)
			if err := g.list.UpdateNode(leaveTimeout / 2); err != nil {
				g.cfg.Logger.Warn("others may take this node for dead", "error", err)
			}
		}
	}
	if err := g.list.Leave(max(time.Until(deadline), time.Millisecond)); err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}

// Close stops listening, without a word to the others: they will find this node dead unless Leave was called. It waits
// for a Leave under way. Closing again does nothing.
func (g *Gossip) Close() error {
	g.closing.Lock()
	defer g.closing.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.end() // cuts the streams that others don't answer on, which a join may wait for; a Leave under way needs none
	g.routines.Wait()
	g.table.close()
	g.metrics.unregister()
	if err := g.list.Shutdown(); err != nil {
		return fmt.Errorf("close gossip: %w", err)
	}
	return nil
}
