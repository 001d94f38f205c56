package coordinator

import "time"

const (
	// leaveTimeout is how long a node that stops tries to tell the others.
	leaveTimeout = 2 * time.Second
	// loopEvery is how often the loops of a node look at what nothing wakes them for.
	loopEvery = time.Second
	// commandTimeout bounds a change of the metadata that a loop makes: it is tried again.
	commandTimeout = 10 * time.Second
	// loadEvery is how often a node tells its load.
	loadEvery = 10 * time.Second
	// writeAttempt is how long a write waits for the leader it knows before it looks for another: longer
	// than a write takes under full load, shorter than an election.
	writeAttempt = 2 * time.Second
	// writePause is how long a write rests when nobody takes it.
	writePause = 25 * time.Millisecond
	// syncTimeout bounds how long a change waits for a coordinator that leads: an election and some.
	syncTimeout = 8 * time.Second
	// createTimeout bounds waiting for a new index's shards to take writes.
	createTimeout = 20 * time.Second
	// defaultReplicas is how many copies an index of a cluster gets if nobody says: one may be lost without
	// a write being refused.
	defaultReplicas = 3
	// bulkHandlers bounds the calls under way on the lane of watches, of which every node holds one open, and
	// of file transfers, which the shard host bounds itself.
	bulkHandlers = 4096
	// infoTimeout bounds asking replicas how they are, infoParallel how many are asked at once.
	infoTimeout  = 3 * time.Second
	infoParallel = 64
	// maxPassageBatch and maxPassageBatchBytes bound the passages of one call, beyond those of one document: an entry
	// of a log has as many.
	maxPassageBatch      = 1024
	maxPassageBatchBytes = 1 << 20
	// passageReads is how often the passages of a document are read until no write falls between.
	passageReads = 5
	// verifyPage is how many documents are listed at once to compare stores, verifyBatch how many are looked at again
	// or repaired. maxVerifiedExtra bounds the ids of vectors without documents that are remembered of a shard, some
	// 100 MB.
	verifyPage       = 5_000
	verifyBatch      = 1_000
	maxVerifiedExtra = 1_000_000
	// verifyNoted is how often progress of a comparison is noted, verifyTimeout bounds one question to a leader.
	verifyNoted   = 5 * time.Second
	verifyTimeout = 30 * time.Second
	// maxReports bounds the reports of comparisons that a node keeps.
	maxReports = 32
	// probeTimeout bounds asking an embedding service for the dimensions of its vectors.
	probeTimeout = 5 * time.Second
	// maxJobDiskPercent is how full the disk may be for a bulk in the background to be taken: beyond it replicas are
	// moved away.
	maxJobDiskPercent = 90
	// jobProgressEvery is how often the progress of a job goes into the metadata, which every node gets.
	jobProgressEvery = 5 * time.Second
	// jobRetention is how long what is known of a job is kept on its node, unless its operation is forgotten before.
	jobRetention = 7 * 24 * time.Hour
	// pulseWindow is what the percentile of searches is taken over, of at most pulseSearches; of fewer than pulseLeast it
	// says nothing.
	pulseWindow   = 30 * time.Second
	pulseSearches = 2048
	pulseLeast    = 20
	// maxLagging is how many entries a copy may lack to count as one that has everything: what a group under full load
	// commits in well under a second.
	maxLagging = 256
	// drainPace is about how many leaderships a node hands over in a second.
	drainPace = 10
	// retireTimeout bounds what a node does to be ready for its stop: less than what calls are given to end.
	retireTimeout = 8 * time.Second
	// conflictShown is how long a conflict of gossip is told of after it was seen last.
	conflictShown = 10 * time.Minute
)
