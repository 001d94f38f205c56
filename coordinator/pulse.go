package coordinator

import (
	"slices"
	"sync"
	"time"
)

// pulse remembers how long this node's searches took lately.
type pulse struct {
	mu   sync.Mutex
	next int
	last [pulseSearches]struct {
		at   time.Time
		took time.Duration
	}
}

// observe notes a search.
func (p *pulse) observe(at time.Time, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[p.next].at, p.last[p.next].took = at, took
	p.next = (p.next + 1) % len(p.last)
}

// p95 gives the 95th percentile of the searches of the last pulseWindow, and how many they are; of more than
// pulseSearches only the last ones count.
func (p *pulse) p95(now time.Time) (took time.Duration, searches int) {
	var all []time.Duration
	p.mu.Lock()
	for _, s := range p.last {
		if now.Sub(s.at) <= pulseWindow {
			all = append(all, s.took)
		}
	}
	p.mu.Unlock()
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[(len(all)*95+99)/100-1], len(all)
}
