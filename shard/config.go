package shard

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
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse/analysis"
)

// Remote is a server that finds vectors for all shards.
type Remote interface {
	// Open gives the collection of an index, named by its UUID, for one generation of its vectors, dense. It is made
	// if missing, and may be connected to later: a server that is down must not keep a node from starting. A host
	// opens each once, for all its replicas, and closes it when none needs it.
	Open(ctx context.Context, index string, config api.DenseConfig, schema api.Schema) (dense.Collection, error)
	// Drop removes the collection of a generation, if there is one. No node may use it any more.
	Drop(ctx context.Context, index string, generation int) error
}

// Embedders finds embedding services.
type Embedders interface {
	// For gives the one that has a model, api.DenseConfig.Model; an error says why there is none.
	For(model string) (embedclient.Embedder, error)
}

// Config configures a Host.
type Config struct {
	// Node is the name of the node.
	Node string
	// Dir holds a directory for each replica; created if missing.
	Dir       string
	FS        vfs.FS
	Analyzers *analysis.Registry
	// Embedders serve the dense workers; nil if there is no embedding service.
	Embedders Embedders
	// Remote finds the vectors; nil searches them in this process.
	Remote Remote
	// Ledger is told what becomes of documents; nil for none.
	Ledger replica.Ledger
	// Network connects the groups with those of other nodes; nil for a node on its own.
	Network *consensus.Network
	// Peers carries calls to the hosts of other nodes; nil for a node on its own.
	Peers *rpc.Client
	// Founded is called by a replica that leads a group which the metadata doesn't know to be founded.
	Founded func(ctx context.Context, shard string) error
	// Seed fetches the files of a shard that is being restored into a directory, and gives the log index that they are
	// of; 0, and no files, for a shard that was never written to. What is there already may be left of a call that
	// was broken off. Nil for a node that restores nothing.
	Seed func(ctx context.Context, want Assignment, into string) (index uint64, err error)
	// TransferBytesPerSecond bounds what this host sends of its files to others.
	TransferBytesPerSecond int
	// SnapshotEvery and FlushBytes are those of replica.Config; 0 are its defaults.
	SnapshotEvery uint64
	FlushBytes    int
	// ScrubEvery is replica.Config.ScrubEvery; 0 is never.
	ScrubEvery time.Duration
	// ScrubBytesPerSecond bounds what all replicas of this host together read to verify their files.
	ScrubBytesPerSecond int
	// MergeBytesPerSecond bounds what merges of all replicas of this host together write, unless an index has too many
	// segments; 0 is no bound.
	MergeBytesPerSecond int
	// SearchDelay makes every search wait that long, for tests of what one slow node costs.
	SearchDelay time.Duration
	// Now is the clock, After the timers.
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Default gives the defaults; Node, Dir, Analyzers, Founded, Logger and Registry are to be set.
func Default() Config {
	return Config{
		FS: vfs.OS(), TransferBytesPerSecond: 64 << 20, Now: time.Now, After: time.After,
		ScrubEvery: replica.DefaultScrubEvery, ScrubBytesPerSecond: DefaultScrubBytesPerSecond,
	}
}

// Validate names what is missing.
func (c *Config) Validate() error {
	var errs []error
	missing := func(name string, is bool) {
		if is {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	missing("Node", c.Node == "")
	missing("Dir", c.Dir == "")
	missing("FS", c.FS == nil)
	missing("Analyzers", c.Analyzers == nil)
	missing("Founded", c.Founded == nil)
	missing("TransferBytesPerSecond", c.TransferBytesPerSecond <= 0)
	missing("ScrubBytesPerSecond", c.ScrubBytesPerSecond <= 0)
	if c.MergeBytesPerSecond < 0 {
		errs = append(errs, fmt.Errorf("MergeBytesPerSecond is %d", c.MergeBytesPerSecond))
	}
	if c.ScrubEvery < 0 {
		errs = append(errs, fmt.Errorf("ScrubEvery is %s", c.ScrubEvery))
	}
	missing("Now", c.Now == nil)
	missing("After", c.After == nil)
	missing("Logger", c.Logger == nil)
	missing("Registry", c.Registry == nil)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shard host configuration: %w", err)
	}
	return nil
}
