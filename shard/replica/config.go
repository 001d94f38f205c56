package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/consensus"
	"sagasu/internal/dense"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// Config configures a replica.
type Config struct {
	// Dir is the replica's own directory; created if missing.
	Dir string
	// Name is the index's, for logs and metrics.
	Name   string
	Schema api.Schema
	// Node names the node that has this replica, Shard the group it belongs to.
	Node, Shard string
	// Network connects the group's replicas; nil for a group that has only this one.
	Network *consensus.Network
	// Founders are the nodes of a group that is new: one with an empty Dir founds the group together with
	// them. None leaves an empty replica waiting for the group's leader to find it.
	Founders []string
	// Fetch copies the files that another node's Checkpoint gives into a directory, and tells the log index
	// they are at; nil if this replica can't be rebuilt from another.
	Fetch func(ctx context.Context, from, into string) (index uint64, err error)
	FS    vfs.FS
	// Analyzers is shared by all replicas of a process.
	Analyzers *analysis.Registry
	// IndexID is the index's UUID, for the ledger.
	IndexID string
	// Wanted is what Want tells later; its Dense is Schema.Dense unless it is set.
	Wanted Wanted
	// Embedder gives what turns texts into vectors by a model, api.DenseConfig.Model; nil if there is none, and
	// documents then wait for one.
	Embedder func(model string) (embedclient.Embedder, error)
	// Collection gives the index outside of this process for the vectors of a generation, and what is to be called
	// when it is not needed any more; nil searches the vectors here.
	Collection func(ctx context.Context, config api.DenseConfig) (dense.Collection, func(), error)
	// Ledger is told what becomes of documents; nil for none.
	Ledger Ledger
	// FlushBytes is sparse.Config.FlushBytes; 0 is that package's default.
	FlushBytes int
	// SnapshotEvery is how many log entries are applied before the indexes are made durable and the log
	// is cut; 0 is the default of package consensus.
	SnapshotEvery uint64
	// ScrubEvery is how long the indexes rest between two times that their files are verified; 0 is never.
	ScrubEvery time.Duration
	// ScrubPace is called with a number of bytes before they are read for that, and waits until they may be; nil
	// lets them pass. Its error, such as the context's, ends that time.
	ScrubPace func(ctx context.Context, bytes int) error
	// Courtesy is sparse.Config.Courtesy; nil is that package's default.
	Courtesy *sparse.Courtesy
	// Now is the clock, After the timers of the workers.
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Default gives the defaults, which are those of a group of one replica; Dir, Name, Schema, Analyzers, Logger and
// Registry are to be set.
func Default() Config {
	return Config{
		FS: vfs.OS(), Now: time.Now, After: time.After, Node: localNode, Shard: localShard, Founders: []string{localNode},
		ScrubEvery: DefaultScrubEvery,
	}
}

// Validate names what is missing or out of range.
func (c *Config) Validate() error {
	var errs []error
	missing := func(name string, is bool) {
		if is {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	missing("Dir", c.Dir == "")
	missing("Name", c.Name == "")
	missing("Node", c.Node == "")
	missing("Shard", c.Shard == "")
	missing("FS", c.FS == nil)
	missing("Analyzers", c.Analyzers == nil)
	missing("Now", c.Now == nil)
	missing("After", c.After == nil)
	missing("Logger", c.Logger == nil)
	missing("Registry", c.Registry == nil)
	if c.FlushBytes < 0 {
		errs = append(errs, fmt.Errorf("FlushBytes is %d", c.FlushBytes))
	}
	if c.ScrubEvery < 0 {
		errs = append(errs, fmt.Errorf("ScrubEvery is %s", c.ScrubEvery))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("replica configuration: %w", err)
	}
	return nil
}
