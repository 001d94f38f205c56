package shard

import (
	"sync"
	"time"
)

// tally counts calls, and gives their rate over the last tallySlots complete slots of tallySlot.
type tally struct {
	mu    sync.Mutex
	began time.Time
	slots [tallySlots + 1]struct {
		at int64
		n  uint64
	}
}

// count counts one call.
func (t *tally) count(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began.IsZero() {
		t.began = now
	}
	at := now.UnixNano() / int64(tallySlot)
	s := &t.slots[uint64(at)%uint64(len(t.slots))]
	if s.at != at {
		s.at, s.n = at, 0
	}
	s.n++
}

// rate gives the calls per second.
func (t *tally) rate(now time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began.IsZero() {
		return 0
	}
	at := now.UnixNano() / int64(tallySlot)
	sum := uint64(0)
	for _, s := range t.slots {
		if s.at > at-int64(len(t.slots)) {
			sum += s.n
		}
	}
	since := time.Duration(now.UnixNano()%int64(tallySlot)) + tallySlots*tallySlot
	return float64(sum) / max(min(since, now.Sub(t.began)), time.Second).Seconds()
}
