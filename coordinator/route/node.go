package route

import (
	"sync"
	"sync/atomic"
	"time"
)

// kind is a kind of call; kinds differ in how long they take.
type kind int

const (
	kindSparse kind = iota
	kindDense
	kindFetch
	kindCount
	kindStatistics
	kindCurrent
	kindSelect
	kindPosition
	kinds
)

func (k kind) String() string {
	return [kinds]string{"sparse", "dense", "fetch", "count", "statistics", "current", "select", "position"}[k]
}

// node is what is known of a node.
type node struct {
	flying atomic.Int64 // calls sent and not ended

	mu        sync.Mutex
	latencies [kinds]estimate
	health    health
}

// copyState is what is known of a shard's copy on a node.
type copyState struct {
	// applied is the latest log index that the copy is known to have applied.
	applied atomic.Uint64

	mu     sync.Mutex
	health health
}

// sight is a copy as it is seen by the one choosing.
type sight struct {
	suspect bool
	cost    float64
}

func (n *node) look(c *copyState, k kind, now time.Time) sight {
	n.mu.Lock()
	s := sight{suspect: n.health.suspect(now), cost: float64(n.latencies[k].value(now))}
	n.mu.Unlock()
	s.cost *= float64(n.flying.Load() + 1)
	c.mu.Lock()
	s.suspect = s.suspect || c.health.suspect(now)
	c.mu.Unlock()
	return s
}

// trial says what a call tries that failed before.
type trial struct{ node, copied bool }

// begin notes a call to a copy.
func (n *node) begin(c *copyState, now time.Time) (t trial) {
	n.flying.Add(1)
	n.mu.Lock()
	t.node = n.health.begin(now)
	n.mu.Unlock()
	c.mu.Lock()
	t.copied = c.health.begin(now)
	c.mu.Unlock()
	return t
}

// answered notes the end of a call that the copy answered, if only to refuse a query. took counts only for
// real answers; it is 0 for others.
func (n *node) answered(c *copyState, k kind, took time.Duration, now time.Time) {
	n.flying.Add(-1)
	n.mu.Lock()
	if took > 0 {
		n.latencies[k].observe(took, now)
	}
	n.health.succeed()
	n.mu.Unlock()
	c.mu.Lock()
	c.health.succeed()
	c.mu.Unlock()
}

// abandoned notes the end of a call that was given up after that time. A trial that is given up proves
// nothing, so the suspicion begins anew.
func (n *node) abandoned(c *copyState, k kind, took time.Duration, t trial, now time.Time) {
	n.flying.Add(-1)
	n.mu.Lock()
	n.latencies[k].atLeast(took, now)
	if t.node {
		n.health.fail(now)
	}
	n.mu.Unlock()
	if t.copied {
		c.mu.Lock()
		c.health.fail(now)
		c.mu.Unlock()
	}
}

// failed notes the end of a call that failed; whole says that all of the node did. It reports whether that is
// news.
func (n *node) failed(c *copyState, whole bool, now time.Time) bool {
	n.flying.Add(-1)
	if whole {
		return n.suspect(now)
	}
	n.mu.Lock()
	// The node answered, if with a failure of one replica.
	n.health.succeed()
	n.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health.fail(now)
}

// suspect begins a suspicion of the node. It reports whether that is news.
func (n *node) suspect(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.health.fail(now)
}

// reached notes that the copy has applied the log up to that index.
func (c *copyState) reached(applied uint64) { raise(&c.applied, applied) }
