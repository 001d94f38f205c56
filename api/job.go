package api

// JobProgress is how far a bulk in the background is.
type JobProgress struct {
	// Bytes of TotalBytes are read; Items of TotalItems lines are through, Failed of them with an error.
	Bytes      int64 `json:"bytes"`
	TotalBytes int64 `json:"total_bytes"`
	Items      int64 `json:"items"`
	TotalItems int64 `json:"total_items"`
	Failed     int64 `json:"failed"`
	// ErrorsDropped is how many errors are only counted, because there are too many to be kept.
	ErrorsDropped int64 `json:"errors_dropped,omitempty"`
	// ItemsPerSecond is the rate of late, 0 for one that does not run.
	ItemsPerSecond float64 `json:"items_per_second"`
	// EstimateSeconds is how long the rest takes at that rate; 0 if nobody can tell.
	EstimateSeconds float64 `json:"estimate_seconds"`
	// Trouble is what it waits for, "" for nothing.
	Trouble string `json:"trouble,omitempty"`
	// From says whose figures these are: the job's node, or the catalog while that node does not answer.
	From string `json:"from"`
}

// The values of JobProgress.From and JobErrors.From.
const (
	FromNode    = "node"
	FromCatalog = "catalog"
)

// JobError is an item of a job that failed.
type JobError struct {
	// Line counts the lines of the body from 1.
	Line int64 `json:"line"`
	// ID is the document's id, as far as it could be read.
	ID    string   `json:"id,omitempty"`
	Error *Problem `json:"error"`
}

// JobErrors is a part of the items that failed, ascending by line.
type JobErrors struct {
	Errors []JobError `json:"errors"`
	// Next is what to ask for after these; 0 if these are the last.
	Next int64 `json:"next,omitempty"`
	// Dropped is how many errors of the whole job are only counted.
	Dropped int64  `json:"dropped"`
	From    string `json:"from"`
}
