package jobs

import "time"

// Limits; those of Config are the defaults.
const (
	// maxBytes bounds the body of one job: some ten million passages. Who has more sends several jobs, and can
	// resume between them.
	maxBytes = 16 << 30
	// maxJobs bounds the jobs of a node that wait or run: each is a line in the metadata of all nodes.
	maxJobs = 100
	// running is how many jobs run at once: one keeps the shards busy, the second lets a small one pass a large one.
	running = 2
	// batchItems and batchBytes end a batch, as for bulks that a client waits for: enough to share a log entry well.
	// A changed limit makes a batch that was under way in a crash another one, which can't be told from the first one
	// by its key.
	batchItems = 512
	batchBytes = 1 << 20
	// inFlight is how many batches of a job are written at once, so that they share log entries and fsyncs.
	inFlight = 4

	// MaxErrors bounds the errors that are kept of a job: who has more looks at the input, not at each.
	MaxErrors = 1_000
	// maxErrorBytes bounds one of them.
	maxErrorBytes = 1_024
	// blockBytes is what of a body has one checksum, and how often the room on the disk is looked at.
	blockBytes = 4 << 20

	// writeTimeout bounds one try to write a batch: an election and some. It is tried again.
	writeTimeout = 30 * time.Second
	// minPause and maxPause bound the wait after a try that failed; jitter spreads it.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
	// rateTime is how far back the rate looks.
	rateTime = 10 * time.Second
)
