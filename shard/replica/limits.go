package replica

import (
	"math"
	"time"
)

const (
	// maxEntryBytes bounds a log entry unless a single write is larger: one fsync writes that much in a
	// few milliseconds, and followers hold a few entries in memory.
	maxEntryBytes = 1 << 20
	// maxEntryWrites bounds the writes of an entry: applying is done under one lock, in a few milliseconds.
	maxEntryWrites = 1024
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
	// maxFailed bounds the documents recorded as failed with their reasons, which are part of every
	// manifest; further ones are counted.
	maxFailed = 1000
	// maxReasonBytes bounds one such reason.
	maxReasonBytes = 256
	// maxPendingDeletes bounds the ids waiting to be deleted from a remote dense index. What is dropped
	// past it stays there as garbage that searches resolve away.
	maxPendingDeletes = 10_000
	// maxFilterIDs bounds the ids that a filter with text clauses is turned into for the dense leg.
	maxFilterIDs = 10_000
	// maxVersion, in a key to delete, means all versions.
	maxVersion = math.MaxUint64
	// denseMargin is how many hits more than wanted the dense index is asked for, to replace stale ones.
	denseMargin = 16

	// minBackoff and maxBackoff bound the wait of the worker after a failure; jitter spreads it.
	minBackoff = 200 * time.Millisecond
	maxBackoff = 10 * time.Second
)
