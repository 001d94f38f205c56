package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts what happens.
type tally struct {
	// now tells the time since the start, and what the cluster suffers.
	now func() (time.Duration, string)

	mu            sync.Mutex
	searches      []time.Duration
	writes        []time.Duration // of acknowledged ones
	failed        notes
	unknown       int
	conflicts     int
	dropped       int
	unanswered    int
	doubts        notes // what got no answer that says what happened
	lostKeys      map[string]bool
	lost          notes
	violated      notes
	faults        map[injury]int
	lastAck       map[string]time.Duration // by shard
	longest       gap
	hotOperations int
}

// notes counts what went wrong by the fault that was active, and keeps the first of each sort of it.
type notes struct {
	count   int
	byFault map[string]*note
	order   []string
}

type note struct {
	count int
	first []string
	// sorts counts by the beginning of the text, which is alike for what is alike.
	sorts map[string]int
}

// add notes something at a time of the run. The name of a fault is what follows how long ago it was.
func (n *notes) add(at time.Duration, fault string, took time.Duration, text string) {
	n.count++
	_, name, ok := strings.Cut(fault, "after ")
	if !ok {
		name = fault
	}
	name = strings.TrimPrefix(name, "during ")
	if n.byFault == nil {
		n.byFault = map[string]*note{}
	}
	of, ok := n.byFault[name]
	if !ok {
		of = &note{sorts: map[string]int{}}
		n.byFault[name] = of
		n.order = append(n.order, name)
	}
	of.count++
	sort := text[:min(len(text), sortBytes)]
	if of.sorts[sort]++; of.sorts[sort] == 1 && len(of.first) < shownErrors {
		of.first = append(of.first, fmt.Sprintf("%.1fs, %s, after %s: %s",
			at.Seconds(), fault, took.Round(time.Millisecond), text))
	}
}

// gap is a time without acknowledgement.
type gap struct {
	shard    string
	from, to time.Duration
	fault    string
}

func newTally() *tally {
	return &tally{
		now:      func() (time.Duration, string) { return 0, "before the start" },
		lostKeys: map[string]bool{}, faults: map[injury]int{}, lastAck: map[string]time.Duration{},
	}
}

// searched counts a search, with the time since it was due.
func (t *tally) searched(took time.Duration, err error) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.searches = append(t.searches, took)
	if err != nil {
		t.failed.add(at, fault, took, err.Error())
	}
}

// wrote counts a write.
func (t *tally) wrote(r answer, took time.Duration) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch r.outcome {
	case conflict:
		t.conflicts++
	case unknown:
		t.unknown++
		t.doubts.add(at, fault, took, r.detail)
	case acknowledged:
		t.writes = append(t.writes, took)
		t.acknowledged(shardOf(r.result.Sequence), at, fault)
	}
}

// acknowledged measures the pause that a write ends; the caller holds mu.
func (t *tally) acknowledged(shard string, at time.Duration, fault string) {
	if shard == "" {
		return
	}
	if last, ok := t.lastAck[shard]; ok && at-last > t.longest.to-t.longest.from {
		t.longest = gap{shard: shard, from: last, to: at, fault: fault}
	}
	t.lastAck[shard] = at
}

// shardOf gives the shard that a sequence is of: all but its last part.
func shardOf(sequence string) string {
	at := strings.LastIndex(sequence, "-")
	if at < 0 {
		return ""
	}
	return sequence[:at]
}

// unread counts a read of a document without an answer.
func (t *tally) unread(err error) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unanswered++
	t.doubts.add(at, fault, 0, "read: "+err.Error())
}

// drop counts a request that was not sent, since too many were under way.
func (t *tally) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped++
}

// lose notes a key that does not hold what was acknowledged.
func (t *tally) lose(id string, err error) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lostKeys[id] {
		t.lostKeys[id] = true
		t.lost.add(at, fault, 0, err.Error())
	}
}

// violation notes anything else that must not be.
func (t *tally) violation(format string, args ...any) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violated.add(at, fault, 0, fmt.Sprintf(format, args...))
}

func (t *tally) fault(f fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[f.injury]++
}

// bad tells whether anything was not as it must be.
func (t *tally) bad() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed.count > 0 || t.lost.count > 0 || t.violated.count > 0
}

// quantile gives the value that a share of the sorted list does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(10 * time.Microsecond)
}

func spread(list []time.Duration) string {
	sorted := slices.Sorted(slices.Values(list))
	return fmt.Sprintf("p50 %s, p99 %s, longest %s", quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1))
}
