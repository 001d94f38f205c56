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
	"sagasu/shard/rpc"
	"sagasu/sparse/analysis"
)

// Remote is a server that keeps the vectors of all shards.
type Remote interface {
	// Open gives the dense index of that name, made if missing. It may connect later: a server that is
	// down must not keep a node from starting.
	Open(ctx context.Context, name string, schema api.Schema) (dense.Index, error)
	// Drop removes the dense index of that name, if there is one.
	Drop(ctx context.Context, name string, schema api.Schema) error
}

// Config configures a Host.
type Config struct {
	// Node is the name of the node.
	Node string
	// Dir holds a directory for each replica; created if missing.
	Dir       string
	FS        vfs.FS
	Analyzers *analysis.Registry
	// Embedder serves the dense workers; nil if there is no embedding service.
	Embedder embedclient.Embedder
	// Remote keeps the vectors; nil keeps them in this process.
	Remote Remote
	// Network connects the groups with those of other nodes; nil for a node on its own.
	Network *consensus.Network
	// Peers carries calls to the hosts of other nodes; nil for a node on its own.
	Peers *rpc.Client
	// Founded is called by a replica that leads a group which the metadata doesn't know to be founded.
	Founded func(ctx context.Context, shard string) error
	// TransferBytesPerSecond bounds what this host sends of its files to others.
	TransferBytesPerSecond int
	// SnapshotEvery and FlushBytes are those of replica.Config; 0 are its defaults.
	SnapshotEvery uint64
	FlushBytes    int
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
	missing("Now", c.Now == nil)
	missing("After", c.After == nil)
	missing("Logger", c.Logger == nil)
	missing("Registry", c.Registry == nil)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shard host configuration: %w", err)
	}
	return nil
}
