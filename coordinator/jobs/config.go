package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// Target is an index that documents are written to.
type Target struct {
	// Index is the index's own name, no alias, UUID tells it from another one that had or gets the name.
	Index string `json:"index"`
	UUID  string `json:"uuid"`
}

// Try names a batch, so that it can be told when it comes again.
type Try struct {
	// Key is the same for each try of a batch, and of no other batch.
	Key string
	// Again says that the batch may have been written before.
	Again bool
}

// Writer writes documents to indexes.
type Writer interface {
	// Schema gives what documents of an index are parsed by: api.ErrIndexNotFound if it is gone, be it that another one
	// has its name.
	Schema(ctx context.Context, target Target) (*api.Schema, error)
	// Write gives a result for each write, as a client would get it. What was written by an earlier try is not written
	// twice, and its results are no conflicts with itself. Errors that say api.ErrUnavailable, api.ErrOverloaded,
	// api.ErrUnknownOutcome, or that the time was up, lead to another try.
	Write(ctx context.Context, target Target, try Try, writes []api.Write) ([]api.WriteResult, error)
}

// Config configures a Manager.
type Config struct {
	FS vfs.FS
	// Dir holds the jobs; created if missing.
	Dir    string
	Writer Writer
	// Problem gives what a client is told of an error.
	Problem func(error) *api.Problem
	// Room gives nil while the disk has room, else a sentence with what is full. It is asked before a body is taken and
	// every few megabytes of it.
	Room     func() error
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer

	// MaxBytes bounds a body, MaxJobs the jobs that wait or run, Running those that run.
	MaxBytes         int64
	MaxJobs, Running int
	// BatchItems and BatchBytes end a batch, InFlight bounds the batches of a job that are written at once.
	BatchItems, BatchBytes, InFlight int
}

// Default gives the defaults; Dir, Writer, Problem and Logger are to be set.
func Default() Config {
	return Config{
		FS: vfs.OS(), Now: time.Now, After: time.After, Room: func() error { return nil },
		MaxBytes: maxBytes, MaxJobs: maxJobs, Running: running,
		BatchItems: batchItems, BatchBytes: batchBytes, InFlight: inFlight,
	}
}

// Validate returns ErrConfig naming what is missing or not positive.
func (c *Config) Validate() error {
	switch {
	case c.FS == nil || c.Dir == "" || c.Writer == nil || c.Problem == nil || c.Room == nil:
		return fmt.Errorf("%w: file system, directory, writer, problems and room are required", ErrConfig)
	case c.Now == nil || c.After == nil || c.Logger == nil:
		return fmt.Errorf("%w: clock and logger are required", ErrConfig)
	case c.MaxBytes <= 0 || min(c.MaxJobs, c.Running, c.BatchItems, c.BatchBytes, c.InFlight) <= 0:
		return fmt.Errorf("%w: limits must be positive", ErrConfig)
	}
	return nil
}
