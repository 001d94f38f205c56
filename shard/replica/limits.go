package replica

import (
	"math"
	"time"
)

// DefaultScrubEvery is how long an index rests between two times that its files are verified: disks' sectors rot in
// months, and a day leaves time to act before a second copy does.
const DefaultScrubEvery = 24 * time.Hour

const (
	// maxEntryBytes bounds a log entry unless a single write is larger: one fsync writes that much in a
	// few milliseconds, and followers hold a few entries in memory.
	maxEntryBytes = 1 << 20
	// maxEntryWrites bounds the writes of an entry: applying is done under one lock, in a few milliseconds.
	maxEntryWrites = 1024
	// maxGroupWrites and maxGroupBytes bound the writes that follow one another and so are one entry: a document with
	// as many passages as are allowed, its other fields repeated in each. The log takes 128 MiB.
	maxGroupWrites = 10_002
	maxGroupBytes  = 48 << 20
	// maxQueueWrites bounds the writes that wait for their entry; past it callers get ErrOverloaded.
	maxQueueWrites = 16 * maxEntryWrites
	// maxQueueBytes bounds their bytes. A single request is always let in when nothing waits.
	maxQueueBytes = 64 << 20

	// maxRequests is the number of requests that replicas remember. A caller waits for an answer for 2 s before it
	// repeats a request, and a shard commits up to 3,000 small ones a second meanwhile. Their ids are 512 KiB of a
	// manifest. It is a property of the format, not a setting.
	maxRequests = 32_768
	// maxOutcomes bounds the results kept of them, of all requests together; about 2 MB.
	maxOutcomes = 65_536

	// maxList bounds the documents that the worker lists at once: listing looks at each live document.
	maxList = 16_384
	// maxScan bounds the documents that the worker reads in one round.
	maxScan = 512
	// maxEmbedTexts bounds the texts embedded in one round: a round's vectors are one log entry, and a
	// restart repeats at most one round.
	maxEmbedTexts = 64
	// maxVectorBytes bounds the vectors of one log entry.
	maxVectorBytes = 1 << 20
	// maxUnflushedBytes bounds the vectors of a generation that are in memory alone, or were applied again after a
	// restart: a flush of that much takes a few tenths of a second.
	maxUnflushedBytes = 64 << 20
	// maxFailed bounds the documents recorded as failed with their reasons, which are part of every
	// manifest; further ones are counted.
	maxFailed = 1000
	// maxReasonBytes bounds one such reason.
	maxReasonBytes = 256
	// maxTombstones bounds the deletes that are remembered for consumers, which are part of every manifest: 1 MB
	// with usual ids. A consumer that was away for more compares everything.
	maxTombstones = 20_000
	// maxAgain bounds the ids that one consumer is to look at again. With more it begins anew.
	maxAgain = 10_000
	// maxFilterIDs bounds the ids that a filter with text clauses is turned into for the dense leg.
	maxFilterIDs = 10_000
	// maxVersion, in a key to delete, means all versions.
	maxVersion = math.MaxUint64
	// denseMargin is how many hits more than wanted the dense index is asked for, to replace stale ones.
	denseMargin = 16

	// maxFlight bounds the batches that are embedded at once: one is committed or on its way while the service works
	// on the next.
	maxFlight = 2
	// minCutBytes is the length to which the beginning of a text that was rejected is shortened at last: every model
	// takes that.
	minCutBytes = 1 << 10
	// maxFeed bounds the rows that are written to a server at once, and maxRecord the documents told to a ledger.
	maxFeed   = 1000
	maxRecord = 1000
	// repairRows is about how many rows are compared at once: some 10 MB.
	repairRows = 100_000

	// minBackoff bounds the wait of a worker after a failure, and so do the others for each of them; jitter spreads
	// it. A server of vectors is looked for by a small question, which may be asked often.
	minBackoff    = 200 * time.Millisecond
	embedBackoff  = 5 * time.Second
	feedBackoff   = 1500 * time.Millisecond
	ledgerBackoff = 5 * time.Second
	// feedTimeout bounds writing a batch, probeTimeout the question whether a server is there, ledgerTimeout a call of
	// a ledger.
	feedTimeout   = 30 * time.Second
	probeTimeout  = 2 * time.Second
	ledgerTimeout = 30 * time.Second
	// identifyEvery is how often a collection is looked at whether it is still the same, auditEvery how often its rows
	// are counted while nothing else is to be done, locateEvery how often a ledger is asked where it is.
	identifyEvery = 5 * time.Second
	auditEvery    = time.Minute
	locateEvery   = 10 * time.Second

	// minAgeStep is how exactly the times of versions are known, maxAgeMarks how many: with those, 6 minutes of
	// steady writes are, and what is older less exactly.
	minAgeStep  = 100 * time.Millisecond
	maxAgeMarks = 4096
	// meterSeconds is over how long rates are told.
	meterSeconds = 10
)
