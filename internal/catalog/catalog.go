package catalog

import (
	"context"
	"time"
)

// Catalog is all that a catalog does. Those who need a part of it name the role. Every call may return ErrUnavailable,
// and those that take values ErrInvalid. Safe for concurrent use. Times are kept to the microsecond, in UTC.
type Catalog interface {
	Ledger
	Register
	Repairs
	Jobs
	SearchLog
	Analytics
	AuditLog
	Keeper
}

// Ledger takes what becomes of the documents of shards.
type Ledger interface {
	// Progress gives the position of a shard's last batch; false if there is none, or it was rewound: then the catalog
	// must be told everything.
	Progress(ctx context.Context, shard string) (Position, bool, error)
	// Record records a batch and its position in one transaction. It gives ErrStale if the catalog is not at the batch's
	// From, and ErrDropped if the index was dropped; nothing is recorded then. A batch that is recorded again, or
	// entries that are older than what is known, change nothing.
	Record(ctx context.Context, batch Batch) error
	// Shards tells how far the shards of an index are, by shard.
	Shards(ctx context.Context, index string) ([]ShardProgress, error)
}

// Register tells about documents. The index is always its UUID.
type Register interface {
	// Documents gives a page of the documents that the filter selects. Where a read replica answers, it may be behind.
	Documents(ctx context.Context, filter Filter, page Page) (DocumentPage, error)
	// Document gives one document, ErrNotFound if it is not known.
	Document(ctx context.Context, index, id string) (Document, error)
	// Counts gives the number of documents by state; states of which there are none are left out.
	Counts(ctx context.Context, index string) (map[State]int64, error)
	// Keys gives up to limit documents that are not deleted with ids greater than after, ascending by the ids' bytes.
	Keys(ctx context.Context, index, after string, limit int) ([]Key, error)
}

// Repairs makes the catalog forget, so that it is told anew.
type Repairs interface {
	// Forget removes documents; unknown ids are no error. It is meant to be followed by a Record of what is true now,
	// with the present position as From and Position.
	Forget(ctx context.Context, index string, ids ...string) error
	// Rewind makes Progress give false for the shard. What is recorded from then on replaces what is there, be it older
	// or newer, and the batch with Swept removes the rest.
	Rewind(ctx context.Context, shard string) error
	// DropIndex removes all documents and positions of an index, step by step; called again, it goes on. An index that
	// was dropped can't come back: see ErrDropped.
	DropIndex(ctx context.Context, index string) error
}

// Jobs keeps jobs and what went wrong in them.
type Jobs interface {
	// PutJob adds a job or replaces what is known of it, unless that has a later UpdatedAt.
	PutJob(ctx context.Context, job Job) error
	// Job gives a job, ErrNotFound if it is not known.
	Job(ctx context.Context, id string) (Job, error)
	// Jobs gives a page of jobs, the newest first by CreatedAt.
	Jobs(ctx context.Context, filter JobFilter, page Page) (JobPage, error)
	// AddJobItems adds what went wrong, ascending by line. The first MaxJobItems of a job are kept, the others counted
	// in Job.Dropped. Lines up to the last one that was added before are repetitions and change nothing.
	// ErrNotFound if the job is not known.
	AddJobItems(ctx context.Context, job string, items []JobItem) error
	// JobItems gives up to limit items with lines greater than after, ascending.
	JobItems(ctx context.Context, job string, after int64, limit int) ([]JobItem, error)
}

// SearchLog takes searches.
type SearchLog interface {
	// AppendSearches appends all events or none.
	AppendSearches(ctx context.Context, events []SearchEvent) error
}

// Analytics tells about the searches of an index ("" for all) in a span of time.
type Analytics interface {
	// TopQueries gives the most frequent texts, ties by the text's bytes.
	TopQueries(ctx context.Context, span Span, limit int) ([]QueryCount, error)
	// ZeroHitQueries gives the most frequent texts among searches that found nothing.
	ZeroHitQueries(ctx context.Context, span Span, limit int) ([]QueryCount, error)
	// Latency gives percentiles of the time taken by hour, ascending; hours without searches are left out.
	Latency(ctx context.Context, span Span) ([]LatencyPoint, error)
	// Volume counts searches by hour, or by day of UTC if bucket is Daily, ascending; empty ones are left out.
	Volume(ctx context.Context, span Span, bucket Bucket) ([]VolumePoint, error)
}

// AuditLog keeps what was done.
type AuditLog interface {
	// AppendAudit appends all events or none. After an error that may have come too late, such as of a broken
	// connection, the events may be there all the same.
	AppendAudit(ctx context.Context, events []AuditEvent) error
	// Audits gives a page of events, the newest first.
	Audits(ctx context.Context, filter AuditFilter, page Page) (AuditPage, error)
}

// Keeper looks after the catalog itself.
type Keeper interface {
	// Migrate brings the database to the schema of this build; several nodes may do so at once. It gives ErrMigration if
	// the database is newer than this build, or in a state that it does not understand.
	Migrate(ctx context.Context) error
	// Ready gives nil if the catalog takes writes and has the schema of this build; it tells what is wrong else.
	Ready(ctx context.Context) error
	// Maintain makes room for the logs of the coming months and removes what is past its retention. It is meant to be
	// called about every hour, by any number of nodes.
	Maintain(ctx context.Context, now time.Time) error
	// Close ends all connections.
	Close() error
}
