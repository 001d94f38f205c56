package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Repository is where snapshots are kept.
type Repository struct {
	Name string `json:"name"`
	// Kind is "dir" or "s3".
	Kind string `json:"kind"`
	// Path is a directory that every node which holds replicas has.
	Path string `json:"path,omitempty"`
	// Endpoint is the URL of an S3 server, Credentials the name of what nodes have for it.
	Endpoint    string `json:"endpoint,omitempty"`
	Bucket      string `json:"bucket,omitempty"`
	Prefix      string `json:"prefix,omitempty"`
	Region      string `json:"region,omitempty"`
	VirtualHost bool   `json:"virtual_host,omitempty"`
	Credentials string `json:"credentials,omitempty"`
	// ReadOnly is for the repository of another cluster.
	ReadOnly bool `json:"read_only,omitempty"`
	// BytesPerSecond bounds what each node sends and fetches, 65,536 at least; 0 for 64 MiB.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
	CreatedMillis  int64 `json:"created_millis,omitempty"`
}

// RepositoryRequest makes a repository, or changes it.
type RepositoryRequest struct {
	Repository
	// TakeOver makes this cluster the one that writes there, in the place of another.
	TakeOver bool `json:"take_over,omitempty"`
}

// SnapshotSchedule says which snapshots are taken by themselves, and which of them are kept.
type SnapshotSchedule struct {
	Name       string   `json:"name"`
	Repository string   `json:"repository"`
	Indexes    []string `json:"indexes,omitempty"`
	// EveryMinutes is the time from one's beginning to the next one's.
	EveryMinutes  int   `json:"every_minutes"`
	KeepLast      int   `json:"keep_last,omitempty"`
	KeepDays      int   `json:"keep_days,omitempty"`
	Paused        bool  `json:"paused,omitempty"`
	CreatedMillis int64 `json:"created_millis,omitempty"`
}

// SnapshotRequest asks for a snapshot of indexes, of all without any.
type SnapshotRequest struct {
	Repository string   `json:"repository"`
	Indexes    []string `json:"indexes,omitempty"`
}

// RestoreRequest asks for the indexes of a snapshot.
type RestoreRequest struct {
	// Repository has it; may be empty for a snapshot that the cluster knows.
	Repository string `json:"repository,omitempty"`
	// Index is one of them; all without it. As is its name here, without it that which it had.
	Index string `json:"index,omitempty"`
	As    string `json:"as,omitempty"`
	// Shards must be as many as there were, or 0.
	Shards int `json:"shards,omitempty"`
	// Replicas are those wanted here; 0 for as many as there were.
	Replicas int `json:"replicas,omitempty"`
	// Aliases makes those that led to it, where their names are free.
	Aliases bool `json:"aliases,omitempty"`
	// DryRun only looks whether it could be done.
	DryRun bool `json:"dry_run,omitempty"`
}

// SnapshotInfo describes a snapshot.
type SnapshotInfo struct {
	ID         string `json:"id"`
	Repository string `json:"repository"`
	Schedule   string `json:"schedule,omitempty"`
	// State is running, done, failed, cancelled or deleting.
	State string `json:"state"`
	// Operation takes or deletes it, or did.
	Operation string `json:"operation,omitempty"`
	Error     string `json:"error,omitempty"`
	// Indexes, Shards, Documents and Bytes are what it holds; NewBytes were sent for it.
	Indexes   int   `json:"indexes"`
	Shards    int   `json:"shards"`
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
	NewBytes  int64 `json:"new_bytes,omitempty"`
	// CreatedMillis and EndedMillis are milliseconds since 1970 UTC.
	CreatedMillis int64 `json:"created_millis"`
	EndedMillis   int64 `json:"ended_millis,omitempty"`
	// Detail is what its manifest says, where it was read.
	Detail *SnapshotDetail `json:"detail,omitempty"`
}

// SnapshotDetail is what a manifest says.
type SnapshotDetail struct {
	Cluster         string          `json:"cluster"`
	Program         string          `json:"program,omitempty"`
	CutBeganMillis  int64           `json:"cut_began_millis"`
	CutEndedMillis  int64           `json:"cut_ended_millis"`
	MetadataVersion uint64          `json:"metadata_version"`
	Indexes         []SnapshotIndex `json:"indexes"`
}

// SnapshotIndex is an index in a snapshot.
type SnapshotIndex struct {
	Name     string   `json:"name"`
	UUID     string   `json:"uuid"`
	Aliases  []string `json:"aliases,omitempty"`
	Replicas int      `json:"replicas"`
	// Applied are the positions in the shards' logs.
	Applied   []uint64 `json:"applied"`
	Documents int64    `json:"documents"`
	Bytes     int64    `json:"bytes"`
}

// RestorePlan is an index that is, or would be, restored.
type RestorePlan struct {
	Index     string `json:"index"`
	As        string `json:"as"`
	Shards    int    `json:"shards"`
	Replicas  int    `json:"replicas"`
	Documents int64  `json:"documents"`
	Bytes     int64  `json:"bytes"`
	// Operation does it; empty for a dry run.
	Operation string `json:"operation,omitempty"`
}

// ReadRequest reads a body of JSON strictly: an unknown member is an error, as one that was misspelt would do something
// else than was meant. Its errors are *Problem.
func ReadRequest(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return NewProblem(ProblemRequest, 400, "body", "%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return NewProblem(ProblemRequest, 400, "body", "has data after the value")
	}
	return nil
}
