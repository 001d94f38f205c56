package catalog

import "time"

// SearchEvent is one search.
type SearchEvent struct {
	At time.Time
	// Index is the index's UUID.
	Index string
	// Query is the text, or the query object as text; cut to MaxQueryBytes.
	Query string
	// Mode is that of the search: hybrid, sparse, dense.
	Mode string
	Took time.Duration
	// Total is what matched, Hits what was given.
	Total int64
	Hits  int
	// ZeroHits says that the search found nothing.
	ZeroHits bool
	// Degraded are the reasons why something lacked.
	Degraded []string
	// Principal is a digest of who asked; "" for nobody.
	Principal string
}

// Span is what analytics look at.
type Span struct {
	// Index is the index's UUID; "" for all.
	Index string
	// From and To bound SearchEvent.At, the latter exclusive; both are required, at most MaxSpan apart.
	From, To time.Time
}

// Bucket is the width of a point of Analytics.Volume.
type Bucket uint8

// The buckets.
const (
	Hourly Bucket = 0
	Daily  Bucket = 1
)

// QueryCount is how often a text was searched for.
type QueryCount struct {
	Query string
	Count int64
	// ZeroHits is how many of these found nothing.
	ZeroHits int64
	// LastAt is when it was searched for last.
	LastAt time.Time
}

// LatencyPoint tells how long searches took in an hour. A percentile p is the least time that at least p of the
// searches did not exceed.
type LatencyPoint struct {
	At                 time.Time
	Count              int64
	P50, P95, P99, Max time.Duration
}

// VolumePoint counts the searches that began in an hour or a day.
type VolumePoint struct {
	At       time.Time
	Searches int64
	ZeroHits int64
	// Degraded counts the searches with at least one reason.
	Degraded int64
}
