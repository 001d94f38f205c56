package rediscache

import "time"

const (
	// defaultTimeout is how long a search waits for Redis: what it takes at most to be bypassed.
	defaultTimeout = 10 * time.Millisecond
	// maxTimeout bounds the setting. A cache that takes longer than this saves nothing.
	maxTimeout = time.Second
	// dialTimeout bounds connecting with all its greetings, which happens in the background.
	dialTimeout = time.Second
	// storePatience is how many times the timeout a batch of values has to be stored; nobody waits for it.
	storePatience = 20

	// A failure adds failureWeight to the gate's score, a success takes 1 away; at failureLimit it closes. So three
	// failures in a row close it, and so does a third of all calls.
	failureWeight = 2
	failureLimit  = 6
	// probesWanted is how many probes in a row must be answered in time before the gate opens again.
	probesWanted = 2
	// firstPause and lastPause are between two probes.
	firstPause = 25 * time.Millisecond
	lastPause  = time.Second
	// steady is how long the gate must have been open for the pauses to begin anew.
	steady = 10 * time.Second

	// maxQueued and maxQueuedBytes bound the values that wait to be stored; more are dropped.
	maxQueued      = 1024
	maxQueuedBytes = 16 << 20
	// maxBatch and maxBatchBytes bound the values that are stored in one go.
	maxBatch      = 64
	maxBatchBytes = 1 << 20

	// maxKeys bounds the keys of one call.
	maxKeys = 1024
	// maxValue bounds a value, and so what a compressed one may grow to.
	maxValue = 8 << 20
	// compressFrom is the size from which values are compressed: below it a round trip costs more than the bytes.
	compressFrom = 1 << 10

	// maxShards is how many locks the local tier of a cache has at most.
	maxShards = 16
	// localOverhead is what an entry of the local tier takes beside its key and value: map slot, element, headers.
	localOverhead = 144

	// maxBuckets bounds the keys whose limits are counted locally.
	maxBuckets = 1 << 16
	// longestWait is what a limit that allows nothing tells to wait.
	longestWait = time.Hour

	// readBuffer and writeBuffer are per connection.
	readBuffer  = 64 << 10
	writeBuffer = 64 << 10
)
