package jobs

import (
	"time"

	"sagasu/api"
)

// Kind is the kind of operation that a job is.
const Kind = "bulk"

// State is how far a job is.
type State string

// The states of a job; their names are those of operations.
const (
	// StateReceived is a job whose body is durable, and that nobody else knows of yet.
	StateReceived State = "received"
	// StatePending waits for its turn.
	StatePending   State = "pending"
	StateRunning   State = "running"
	StateDone      State = "done"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
)

// Ended reports whether a job in this state never changes again.
func (s State) Ended() bool { return s == StateDone || s == StateFailed || s == StateCancelled }

// description is what is known of a job when its body is there; it never changes.
type description struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Target
	// RequestID is that of the request which brought it.
	RequestID     string `json:"request_id,omitempty"`
	CreatedMillis int64  `json:"created_millis"`
	// Bytes is the size of the body, Lines the number of its lines that are not empty.
	Bytes int64 `json:"bytes"`
	Lines int64 `json:"lines"`
	// Block is how many bytes each of Sums is of: CRC-32C, the last of what is left.
	Block int      `json:"block"`
	Sums  []uint32 `json:"sums"`
}

// progress is how far a job is, as its journal has it: as a whole in each record, but for the errors.
type progress struct {
	State  State `json:"state"`
	Millis int64 `json:"millis"`
	// Offset is where in the body the next batch begins, Line the number of lines before it, empty ones included.
	Offset int64 `json:"offset"`
	Line   int64 `json:"line"`
	// Done counts the items that were written, Failed those with an error, Dropped the errors that are not kept.
	Done    int64 `json:"done"`
	Failed  int64 `json:"failed"`
	Dropped int64 `json:"dropped,omitempty"`
	// Error is why the job as a whole failed or was cancelled.
	Error string `json:"error,omitempty"`
	// Errors are those since the record before.
	Errors []api.JobError `json:"errors,omitempty"`
}

// Status is how a job is.
type Status struct {
	ID string
	Target
	State     State
	RequestID string
	// Bytes of TotalBytes are read, and Done items written, Failed not; TotalItems is the number of lines that are not
	// empty.
	Bytes, TotalBytes              int64
	Done, Failed, TotalItems       int64
	Dropped                        int64
	CreatedMillis, UpdatedMillis   int64
	Error, Trouble                 string
	ItemsPerSecond, BytesPerSecond float64
	// Kept is the number of errors that Errors gives.
	Kept int
	// Loaded says that it is from before this process.
	Loaded bool
}

// Progress is the status as clients see it.
func (s *Status) Progress() *api.JobProgress {
	p := &api.JobProgress{
		Bytes: s.Bytes, TotalBytes: s.TotalBytes, Items: s.Done + s.Failed, TotalItems: s.TotalItems, Failed: s.Failed,
		ErrorsDropped: s.Dropped, ItemsPerSecond: s.ItemsPerSecond, Trouble: s.Trouble, From: api.FromNode,
	}
	if s.BytesPerSecond > 0 && !s.State.Ended() {
		p.EstimateSeconds = float64(s.TotalBytes-s.Bytes) / s.BytesPerSecond
	}
	return p
}

// job is a job of this node; the manager's lock guards what changes.
type job struct {
	description
	progress
	// errors are all that are kept, ascending by line.
	errors  []api.JobError
	trouble string
	samples samples
	// loaded says that it was read from the disk.
	loaded bool
	// cancel says why the job is to end; "" if it isn't. stop ends what it does.
	cancel string
	stop   func()
}

func (j *job) status() Status {
	s := Status{
		ID: j.ID, Target: j.Target, State: j.State, RequestID: j.RequestID,
		Bytes: j.Offset, TotalBytes: j.Bytes, Done: j.Done, Failed: j.Failed, TotalItems: j.Lines, Dropped: j.Dropped,
		CreatedMillis: j.CreatedMillis, UpdatedMillis: j.Millis, Error: j.Error, Trouble: j.trouble, Kept: len(j.errors),
		Loaded: j.loaded,
	}
	if j.State == StateRunning {
		s.ItemsPerSecond, s.BytesPerSecond = j.samples.rate()
	}
	return s
}

// sample is how far a job was at a moment.
type sample struct {
	at           time.Time
	items, bytes int64
}

// samples are those of the last rateTime, oldest first, about one a second.
type samples []sample

func (s samples) add(now sample) samples {
	for len(s) > 1 && now.at.Sub(s[0].at) > rateTime {
		s = s[1:]
	}
	if n := len(s); n > 1 && now.at.Sub(s[n-2].at) < time.Second {
		s[n-1] = now
		return s
	}
	return append(s, now)
}

// rate gives items and bytes a second.
func (s samples) rate() (items, bytes float64) {
	if len(s) < 2 {
		return 0, 0
	}
	first, last := s[0], s[len(s)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(last.items-first.items) / seconds, float64(last.bytes-first.bytes) / seconds
}
