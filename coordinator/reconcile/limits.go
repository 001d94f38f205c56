package reconcile

import "time"

const (
	// pendingTime is how long an operation may wait for its change to be committed.
	pendingTime = 30 * time.Second
	// progressEvery is how often progress is noted, which costs a write to the metadata of all nodes.
	progressEvery = 5 * time.Second
	// failedShare is the part of the documents that the new model may fail at: one in so many.
	failedShare = 100
	// DefaultRest is more than the default of a search's timeout. maxDropRest is how long a node that does not answer is
	// waited for.
	DefaultRest = 5 * time.Second
	maxDropRest = 30 * time.Second
	// calmTime is how long searches must have been within calmPercent of their objective for a rebalance to go on: as
	// long as the window that they are measured over, so that those before the pause don't count any more.
	calmTime    = 30 * time.Second
	calmPercent = 80
	// dropRetry is the first pause after a failure, which doubles up to maxDropRetry.
	dropRetry    = time.Second
	maxDropRetry = 30 * time.Second
)
