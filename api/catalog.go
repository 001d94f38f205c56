package api

import "time"

// CatalogDocument is what the catalog knows of a document. Times that are not known are left out.
type CatalogDocument struct {
	ID string `json:"id"`
	// Parent is the document that a passage is a part of.
	Parent  string `json:"parent,omitempty"`
	Version uint64 `json:"version"`
	// State is received, indexed, embedded, failed or deleted.
	State  string `json:"state"`
	Source string `json:"source,omitempty"`
	// Checksum is one of the content.
	Checksum string `json:"checksum,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
	// Error says why, of state failed.
	Error string `json:"error,omitempty"`
	// Truncated says that only the beginning of the text was embedded.
	Truncated  bool      `json:"truncated,omitempty"`
	ReceivedAt time.Time `json:"received_at,omitzero"`
	IndexedAt  time.Time `json:"indexed_at,omitzero"`
	EmbeddedAt time.Time `json:"embedded_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
}

// DocumentFilter selects documents of a catalog; what is zero selects all.
type DocumentFilter struct {
	State string
	// Source is what the source begins with, Text occurs in the id, Parent is the document of passages.
	Source, Text, Parent string
	// UpdatedFrom and UpdatedTo bound the last change, the latter exclusive.
	UpdatedFrom, UpdatedTo time.Time
	// ByID orders by the id, else the newest come first.
	ByID bool
	// After is DocumentList.Next of the page before, Limit the size of the page, 0 for the default.
	After string
	Limit int
}

// DocumentList is a page of documents.
type DocumentList struct {
	Documents []CatalogDocument `json:"documents"`
	// Next is after= of the next page; "" if this is the last one.
	Next string `json:"next,omitempty"`
}

// DocumentStatus is one document as every store has it.
type DocumentStatus struct {
	ID string `json:"id"`
	// Version is that of the shard's leader, 0 for a document that is not there.
	Version uint64 `json:"version"`
	Shard   string `json:"shard"`
	// Vectors are those of the shard, by generation.
	Vectors []VectorStatus `json:"vectors"`
	// Catalog is the catalog's, nil if it does not know the document or can't be asked.
	Catalog *CatalogDocument `json:"catalog,omitempty"`
	// CatalogTrouble is why the catalog did not say.
	CatalogTrouble string `json:"catalog_trouble,omitempty"`
}

// VectorStatus is what a shard has of a document in one generation of vectors.
type VectorStatus struct {
	Generation int `json:"generation"`
	// Version is that of the document which the vector was made from, 0 if there is none.
	Version uint64 `json:"version"`
	// State is ready, waiting, failed, or none where there is nothing to embed.
	State string `json:"state"`
	// Error says why, of state failed.
	Error string `json:"error,omitempty"`
}

// CatalogStatus is how the catalog is with an index.
type CatalogStatus struct {
	// Documents counts them by state.
	Documents map[string]int64 `json:"documents"`
	// Shards tells how far it is with each shard.
	Shards []CatalogShard `json:"shards"`
	// LagVersions is the number of changes that the catalog was not told of yet, over all shards whose leader could be
	// asked.
	LagVersions uint64 `json:"lag_versions"`
}

// CatalogShard is how far the catalog is with one shard.
type CatalogShard struct {
	Shard string `json:"shard"`
	// Version is that up to which every document is recorded, Latest that of the shard's last change, 0 if its leader
	// could not be asked.
	Version uint64 `json:"version"`
	Latest  uint64 `json:"latest"`
	// Rebuilding says that the catalog is being told everything anew.
	Rebuilding bool      `json:"rebuilding"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
}

// The kinds of Report.
const (
	ReportTopQueries = "top-queries"
	ReportZeroHits   = "zero-hits"
	ReportLatency    = "latency"
	ReportVolume     = "volume"
)

// ReportRequest asks about the searches of a span of time.
type ReportRequest struct {
	// Kind is one of the kinds.
	Kind string
	// Index is an index's name, "" for all.
	Index string
	// From and To bound the time, the latter exclusive.
	From, To time.Time
	// Limit bounds rankings, 0 for the default; Daily makes volume one of days.
	Limit int
	Daily bool
}

// Report is an answer about searches; it has the member of its kind, and no other: those are nil.
type Report struct {
	Index   string         `json:"index,omitempty"`
	From    time.Time      `json:"from"`
	To      time.Time      `json:"to"`
	Queries []QueryCount   `json:"queries,omitzero"`
	Latency []LatencyPoint `json:"latency,omitzero"`
	Volume  []VolumePoint  `json:"volume,omitzero"`
}

// QueryCount is how often a text was searched for.
type QueryCount struct {
	Query    string    `json:"query"`
	Count    int64     `json:"count"`
	ZeroHits int64     `json:"zero_hits"`
	LastAt   time.Time `json:"last_at"`
}

// LatencyPoint tells how long the searches of an hour took, in milliseconds.
type LatencyPoint struct {
	At    time.Time `json:"at"`
	Count int64     `json:"count"`
	P50   float64   `json:"p50_ms"`
	P95   float64   `json:"p95_ms"`
	P99   float64   `json:"p99_ms"`
	Max   float64   `json:"max_ms"`
}

// VolumePoint counts the searches of an hour or a day.
type VolumePoint struct {
	At       time.Time `json:"at"`
	Searches int64     `json:"searches"`
	ZeroHits int64     `json:"zero_hits"`
	Degraded int64     `json:"degraded"`
}

// AuditEvent is something that somebody did to the cluster.
type AuditEvent struct {
	At time.Time `json:"at"`
	// Principal is who did it, Action what, Target to what, Outcome the status code that was answered.
	Principal string `json:"principal,omitempty"`
	Action    string `json:"action"`
	Target    string `json:"target"`
	Outcome   string `json:"outcome"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id"`
}

// AuditFilter selects events; what is zero selects all.
type AuditFilter struct {
	Principal, Action, Outcome string
	// Target is what the target begins with.
	Target   string
	From, To time.Time
	// After is AuditList.Next of the page before, Limit the size of the page, 0 for the default.
	After string
	Limit int
}

// AuditList is a page of events, the newest first.
type AuditList struct {
	Events []AuditEvent `json:"events"`
	Next   string       `json:"next,omitempty"`
}
