package route

import "time"

const (
	// hedgePercent is the default of Config.HedgePercent: what a slow copy may cost all the others.
	hedgePercent = 5
	// hedgeBurst is the number of hedges that may follow each other before the percentage binds, enough
	// for one search on many shards when a node begins to stall.
	hedgeBurst = 20
	// retryPercent is the default of Config.RetryPercent. A dead node is avoided after its first failure,
	// so that retries are few unless everything fails; then they must not triple the load.
	retryPercent = 20
	// retryBurst is the number of retries that may follow each other before the percentage binds: all calls
	// under way on a node when it dies.
	retryBurst = 1000
	// hedgeReserve is the part of the burst kept for calls that are veryLate. One call in twenty is late at any
	// time and would leave nothing for those that hit a node which stalls.
	hedgeReserve = 0.5
	// veryLate is how many times the delay of a hedge a call must have waited to use the reserve.
	veryLate = 4
	// hedgeQuantile is the part of the calls that answer before another copy is asked.
	hedgeQuantile = 0.95
	// minHedgeDelay keeps calls that are fast anyway from being hedged for a hiccup of the scheduler.
	minHedgeDelay = time.Millisecond
	// minHedgeSamples is the number of calls from which a quantile means something.
	minHedgeSamples = 100
	// coldHedgeDelay is the delay before there are so many.
	coldHedgeDelay = 50 * time.Millisecond
	// suspicion is how long a copy that failed is avoided; then one call tries it.
	suspicion = time.Second
	// stuckAfter is the least time without an answer that makes a node suspect: less may be the fault of a
	// search that came with little time.
	stuckAfter = 50 * time.Millisecond
	// generation is half the time over which quantiles look back.
	generation = 30 * time.Second
	// halfLife is the time in which the estimate of a node that is not asked halves, so that a node that was
	// slow is tried again.
	halfLife = 5 * time.Second
	// weight of the newest sample in a moving average.
	sampleWeight = 0.2
	// leastLatency bounds estimates from below, and is that of a node never asked.
	leastLatency = 100 * time.Microsecond
	// maxNodes and maxCopies bound what is remembered; past them something idle is forgotten.
	maxNodes  = 4096
	maxCopies = 65_536
)
