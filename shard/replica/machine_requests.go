package replica

import (
	"fmt"
	"sync"

	"sagasu/sparse"
)

// requestLog remembers the last maxRequests requests that were applied. Which ids it holds is part of
// the state that replicas agree on and travels with it; what the requests did is kept in memory only,
// for as many as maxOutcomes allows.
type requestLog struct {
	mu       sync.Mutex
	ids      []RequestID // oldest first
	outcomes map[RequestID][]sparse.Outcome
	// known are the requests whose outcomes are kept, oldest first; kept counts those outcomes.
	known []RequestID
	kept  int
}

func newRequestLog() *requestLog { return &requestLog{outcomes: map[RequestID][]sparse.Outcome{}} }

// find tells whether a request was applied, and what it did: nil if that is not known any more.
func (l *requestLog) find(id RequestID) (outcomes []sparse.Outcome, applied bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	outcomes, applied = l.outcomes[id]
	return outcomes, applied
}

// record notes a request that was applied.
func (l *requestLog) record(id RequestID, outcomes []sparse.Outcome) {
	if id == (RequestID{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.outcomes[id]; ok {
		return
	}
	if len(l.ids) == maxRequests {
		l.forget(l.ids[0])
		delete(l.outcomes, l.ids[0])
		l.ids = l.ids[1:]
	}
	l.ids = append(l.ids, id)
	l.outcomes[id] = outcomes
	l.known = append(l.known, id)
	for l.kept += len(outcomes); l.kept > maxOutcomes; {
		l.forget(l.known[0])
	}
}

// forget drops what a request did, if it is the oldest of which that is known.
func (l *requestLog) forget(id RequestID) {
	if len(l.known) == 0 || l.known[0] != id {
		return
	}
	l.known = l.known[1:]
	l.kept -= len(l.outcomes[id])
	l.outcomes[id] = nil
}

func (l *requestLog) encode(e *encoder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.uint(uint64(len(l.ids)))
	for _, id := range l.ids {
		e.buf = append(e.buf, id[:]...)
	}
}

func (l *requestLog) restore(d *decoder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range d.count(len(RequestID{})) {
		id := d.requestID()
		l.ids = append(l.ids, id)
		l.outcomes[id] = nil
	}
	if len(l.ids) > maxRequests {
		d.fail(fmt.Sprintf("number of requests, over %d", maxRequests))
	}
}

func (d *decoder) requestID() RequestID {
	var id RequestID
	if d.err != nil || len(d.data)-d.pos < len(id) {
		d.fail("request id")
		return id
	}
	copy(id[:], d.data[d.pos:])
	d.pos += len(id)
	return id
}
