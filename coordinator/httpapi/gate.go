package httpapi

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"sagasu/api"
)

// gate lets a number of requests run and a number wait shortly; the others are to come later.
type gate struct {
	name    string
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newGate(name string, slots, queue int) *gate {
	return &gate{name: name, slots: make(chan struct{}, slots), queue: int64(queue)}
}

// enter returns api.ErrOverloaded if there is no place within queueWait.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return fmt.Errorf("%w: %d %s run and %d wait", api.ErrOverloaded, cap(g.slots), g.name, g.queue)
	}
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return fmt.Errorf("%w: no place among %d %s within %v", api.ErrOverloaded, cap(g.slots), g.name, queueWait)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.slots }
