package embedclient

import "time"

// Bounds of the settings: what is beyond them is a mistake rather than a wish.
const (
	maxBatchSize   = 4096
	maxBatchBytes  = 64 << 20
	maxConcurrency = 1024
	maxRetries     = 10
	maxTimeout     = 10 * time.Minute
)

const (
	// maxMessageBytes bounds what is kept of a service's message: it ends up in logs and in the
	// catalog, once per document.
	maxMessageBytes = 300
	// maxDepth bounds the nesting of a response: skipping unknown members recurses.
	maxDepth = 32
	// bytesPerValue is what one value of a vector takes in a response at most: a float64 printed in
	// full, its sign, exponent, comma and space, rounded up.
	bytesPerValue = 32
	// responseSlack is for what surrounds the vectors.
	responseSlack = 256 << 10
	// maxSparseResponse bounds a response with sparse vectors, whose size no setting tells.
	maxSparseResponse = 64 << 20
	// maxUnknownDims bounds the dimensions of vectors while Config.Dims is 0.
	maxUnknownDims = 32768
)

const (
	// retryBase and retryCap bound the pauses before retries: the n-th is random between half of
	// retryBase * 2^n and all of it, at most retryCap. Half a query's usual time at first, so that a
	// search may still succeed; seconds at last, so that a restarting service is not kept busy.
	retryBase = 25 * time.Millisecond
	retryCap  = 2 * time.Second
	// maxRetryAfter bounds how long a service may tell a client to wait by Retry-After.
	maxRetryAfter = 30 * time.Second
	// retryShare is how many retries each first attempt earns. A service that fails everything so
	// gets at most a tenth more requests than it would, instead of a multiple.
	retryShare = 0.1
	// retryReserve is how many retries can be saved up, and what a new client starts with: enough
	// for a service's restart at low traffic.
	retryReserve = 10
)

const (
	// breakerFailures is how many failures in a row open the breaker.
	breakerFailures = 5
	// breakerDelay is how long it stays open before one request probes the service; short, because
	// every search lacks its dense leg meanwhile.
	breakerDelay = 2 * time.Second
	// breakerJitter varies the delay, so that many clients don't probe at once.
	breakerJitter = 0.1
)

// maxServices bounds the models whose clients are kept: each has its connections.
const maxServices = 64

// dialTimeout bounds making a connection; the call's deadline bounds it as well.
const dialTimeout = 3 * time.Second

const (
	// paceTarget is how long a request with passages is to take: long enough that the way there and back does not
	// matter, short enough that a query which waits behind it still makes its search's deadline.
	paceTarget = 500 * time.Millisecond
	// paceStart is the first allowance: two or three passages, of which even a slow service does as many as there are
	// requests at once well before their deadline. A fast one is at its full size after a few requests.
	paceStart = 4 << 10
	// paceLeast is the least allowance, one passage.
	paceLeast = 1 << 10
)
