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
	failures      int
	failed        []string // the first of them
	unknown       int
	conflicts     int
	dropped       int
	unanswered    int
	doubts        []string // the first writes of unknown outcome
	lost          map[string]string
	lostOrder     []string
	violations    int
	violated      []string // the first of them
	faults        map[injury]int
	lastAck       map[string]moment // by shard
	longest       gap
	hotOperations int
}

// moment is a time of the run.
type moment struct{ at time.Duration }

// gap is a time without acknowledgement.
type gap struct {
	shard    string
	from, to time.Duration
	fault    string
}

func newTally() *tally {
	return &tally{
		now:  func() (time.Duration, string) { return 0, "before the start" },
		lost: map[string]string{}, faults: map[injury]int{}, lastAck: map[string]moment{},
	}
}

// searched counts a search, with the time since it was due.
func (t *tally) searched(took time.Duration, err error) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.searches = append(t.searches, took)
	if err != nil {
		t.failures++
		t.failed = first(t.failed, at, fault, fmt.Sprintf("after %s: %v", took.Round(time.Millisecond), err))
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
		t.doubts = first(t.doubts, at, fault, fmt.Sprintf("after %s: %s", took.Round(time.Millisecond), r.detail))
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
	if last, ok := t.lastAck[shard]; ok && at-last.at > t.longest.to-t.longest.from {
		t.longest = gap{shard: shard, from: last.at, to: at, fault: fault}
	}
	t.lastAck[shard] = moment{at}
}

// shardOf gives the shard that a sequence is of: all but its last part.
func shardOf(sequence string) string {
	at := strings.LastIndex(sequence, "-")
	if at < 0 {
		return ""
	}
	return sequence[:at]
}

// first keeps the first of what went wrong.
func first(list []string, at time.Duration, fault, text string) []string {
	if len(list) >= shownErrors {
		return list
	}
	return append(list, fmt.Sprintf("%.1fs, %s: %s", at.Seconds(), fault, text))
}

// unread counts a read of a document without an answer.
func (t *tally) unread(err error) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unanswered++
	t.doubts = first(t.doubts, at, fault, "read: "+err.Error())
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
	if _, ok := t.lost[id]; !ok {
		t.lost[id] = fmt.Sprintf("%.1fs, %s: %v", at.Seconds(), fault, err)
		t.lostOrder = append(t.lostOrder, id)
	}
}

// violation notes anything else that must not be.
func (t *tally) violation(format string, args ...any) {
	at, fault := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations++
	t.violated = first(t.violated, at, fault, fmt.Sprintf(format, args...))
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
	return t.failures > 0 || len(t.lost) > 0 || t.violations > 0
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
