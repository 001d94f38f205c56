package catalog

import "time"

// Job is a long piece of work, as its node sees it.
type Job struct {
	ID string
	// Kind, State and Node are names that the jobs' owner gives.
	Kind, State, Node string
	// Index is the index's UUID; "" for none.
	Index string
	// Total is the number of items, 0 if nobody knows yet; Done and Failed count those that are through.
	Total, Done, Failed int64
	// Bytes is what is done of the input.
	Bytes int64
	// Dropped counts the items that AddJobItems did not keep. PutJob does not look at it.
	Dropped              int64
	CreatedAt, UpdatedAt time.Time
	// EndedAt is zero while the job runs.
	EndedAt time.Time
	// Error says why the job failed as a whole; cut to MaxErrorBytes.
	Error string
}

// JobItem is an item that failed.
type JobItem struct {
	// Line counts the items of the input from 1.
	Line int64
	// ID is the document's id, "" if it has none.
	ID string
	// Error is cut to MaxErrorBytes.
	Error string
}

// JobFilter selects jobs; what is "" selects all.
type JobFilter struct {
	Kind, Index, State, Node string
}

// JobPage is a part of a listing.
type JobPage struct {
	Jobs []Job
	// Next is Page.After of the next page; "" if this is the last one.
	Next string
}

// KeepItems gives the items that are added to a job that has so many already, the last of them added with that line,
// and the number of those that are not kept.
func KeepItems(items []JobItem, kept int, last int64) (keep []JobItem, dropped int64) {
	for _, item := range items {
		switch {
		case item.Line <= last:
		case kept+len(keep) < MaxJobItems:
			keep = append(keep, item)
		default:
			dropped++
		}
	}
	return keep, dropped
}
