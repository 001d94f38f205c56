package main

import (
	"fmt"
	"slices"
	"strings"
)

// report tells what was counted; the last line is the verdict.
func (t *tally) report(seed uint64) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &strings.Builder{}
	fmt.Fprintf(out, "searches: %s\n", spread(t.searches))
	fmt.Fprintf(out, "acknowledged writes: %s; %d of unknown outcome, %d conflicts; %d reads without an answer\n",
		spread(t.writes), t.unknown, t.conflicts, t.unanswered)
	if t.dropped > 0 {
		fmt.Fprintf(out, "%d requests were not sent: more than %d were under way\n", t.dropped, maxAtOnce)
	}
	pause := t.longest.to - t.longest.from
	verdict := "within"
	if pause > pauseGoal {
		verdict = "over"
	}
	fmt.Fprintf(out, "longest pause of a shard's acknowledgements: %.2fs (%s the goal of %s), until %.1fs, %s\n",
		pause.Seconds(), verdict, pauseGoal, t.longest.to.Seconds(), t.longest.fault)
	fmt.Fprintf(out, "compare and set: %d operations judged\n", t.hotOperations)
	total := 0
	var kinds []string
	for _, i := range slices.Concat(allInjuries(), rotInjuries()) {
		if t.faults[i] == 0 && slices.Contains(rotInjuries(), i) {
			continue
		}
		total += t.faults[i]
		kinds = append(kinds, fmt.Sprintf("%d %s", t.faults[i], i))
	}
	fmt.Fprintf(out, "faults: %s\n", strings.Join(kinds, ", "))
	t.doubts.list(out, "without an answer that says what happened")
	t.failed.list(out, "failed searches")
	t.lost.list(out, "lost")
	t.violated.list(out, "failed checks")
	fmt.Fprintf(out, "%d faults, %d searches, %d failed, %d acknowledged, %d lost, seed %d\n",
		total, len(t.searches), t.failed.count, len(t.writes), t.lost.count, seed)
	return out.String()
}

// list tells what went wrong under each fault; nothing if nothing did.
func (n *notes) list(out *strings.Builder, what string) {
	if n.count == 0 {
		return
	}
	fmt.Fprintf(out, "%s: %d\n", what, n.count)
	for _, name := range n.order[:min(len(n.order), shownFaults)] {
		of := n.byFault[name]
		fmt.Fprintf(out, "  %d: %s\n", of.count, name)
		for _, text := range of.first {
			fmt.Fprintf(out, "    %s\n", text)
		}
	}
}

// judged notes how many operations on hot keys were judged.
func (t *tally) judged(operations int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hotOperations = operations
}
