package wire

import "sync"

// gate counts the calls under way, bounds them, and closes.
type gate struct {
	mu     sync.Mutex
	limits [lanes]int
	under  [lanes]int
	bytes  int64 // of their bodies
	most   int64
	calls  int
	closed bool
	empty  chan struct{} // closed when the gate is closed and no call is under way
}

func newGate(limits [lanes]int, most int64) *gate {
	return &gate{limits: limits, most: most, empty: make(chan struct{})}
}

// enter lets a call in, or gives the code to refuse it with.
func (g *gate) enter(lane int, bytes int64) uint16 {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return CodeClosing
	case g.under[lane] >= g.limits[lane] || g.calls > 0 && g.bytes+bytes > g.most:
		// A single call is let in however large it is: it would never get in otherwise.
		return CodeOverloaded
	}
	g.under[lane]++
	g.calls++
	g.bytes += bytes
	return 0
}

// leave ends a call that entered.
func (g *gate) leave(lane int, bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under[lane]--
	g.calls--
	g.bytes -= bytes
	if g.closed && g.calls == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more, and gives what is closed when the last call has left. It is called once.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.calls == 0 {
		close(g.empty)
	}
	return g.empty
}

// count gives how many calls are under way.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
}
