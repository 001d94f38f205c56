package route

// Tiers of candidates, the best first.
const (
	// tierReady copies are expected to answer at once.
	tierReady = iota
	// tierBehind copies may first have to catch up with the log.
	tierBehind
	// tierLast copies are on nodes that are about to stop.
	tierLast
	// tierSuspect copies failed a moment ago.
	tierSuspect
)

// candidate is a copy that may be asked.
type candidate struct {
	tier  int
	local bool
	// cost is (calls in flight + 1) x latency.
	cost float64
}

// choose gives the position of the copy to ask: the cheaper of two of the best tier, taken at random but
// for the local one, which is always looked at, as it is nearly always the cheaper. Equal ones are chosen
// equally often. There must be a candidate; random gives a number of [0, n).
func choose(candidates []candidate, random func(n int) int) int {
	best := tierSuspect
	for _, c := range candidates {
		best = min(best, c.tier)
	}
	var few [8]int
	at := few[:0]
	local := -1
	for i, c := range candidates {
		if c.tier != best {
			continue
		}
		if c.local && local < 0 {
			local = len(at)
		}
		at = append(at, i)
	}
	if len(at) == 1 {
		return at[0]
	}
	first := local
	if first < 0 {
		first = random(len(at))
	}
	second := random(len(at) - 1)
	if second >= first {
		second++
	}
	a, b := at[first], at[second]
	switch {
	case candidates[a].cost < candidates[b].cost:
		return a
	case candidates[a].cost > candidates[b].cost:
		return b
	case random(2) == 0:
		return a
	}
	return b
}
