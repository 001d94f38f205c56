package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/coordinator/query"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
	"sagasu/internal/catalog"
	"sagasu/internal/vfs"
	"sagasu/shard"
	"sagasu/shard/replica"
	"sagasu/sparse/analysis"
)

// Config configures a node.
type Config struct {
	// DataDir holds everything the node keeps; created if missing.
	DataDir   string
	FS        vfs.FS
	Analyzers *analysis.Registry
	// Embedders serve documents and queries; nil if there is no embedding service.
	Embedders query.Embedders
	// Remote finds the vectors; nil searches them in this process. All nodes of a cluster have the same one.
	Remote shard.Remote
	// Answers keeps answers of searches; nil for none.
	Answers query.Cache

	// ID is the node's name in its cluster, for ever; empty takes the data directory's, or makes one.
	ID string
	// Roles are what the node does; every node has the front end of a gateway.
	Roles []state.Role
	// Zone is what fails together with the node, such as a data centre; may be empty.
	Zone string
	// Version is that of the program.
	Version string
	// HTTPAddr and OpsAddr are told to other nodes.
	HTTPAddr, OpsAddr string
	// Cluster connects the node with others; nil for a node on its own, which listens for nobody.
	Cluster *ClusterConfig

	// OpenCatalog opens the catalog, which it need not reach yet; it is called again after an error. Nil for none.
	OpenCatalog func(ctx context.Context) (catalog.Catalog, error)
	// SearchLog is which part of the searches is logged in the catalog, 0 to 1.
	SearchLog float64

	// Pepper is what keys are recognised with, the same on all nodes; nil makes and takes none.
	Pepper *auth.Pepper
	// AdminKey is a key that may do everything on this node, whatever the metadata say; nil for none.
	AdminKey *auth.Credential
	// Tokens verifies tokens of issuers; nil takes none.
	Tokens *auth.Tokens
	// FirstKey is given the key that a new cluster begins with, which nobody can tell again; nil makes none.
	FirstKey func(key string)

	// DropRest is reconcile.Config.Rest.
	DropRest time.Duration

	// ScrubEvery and ScrubBytesPerSecond are those of shard.Config.
	ScrubEvery          time.Duration
	ScrubBytesPerSecond int
	// MergeBytesPerSecond is that of shard.Config.
	MergeBytesPerSecond int

	// SnapshotDirs are directories that repositories of snapshots may be in, or below; without any none may.
	SnapshotDirs []string
	// S3Credentials are what the node has for S3 stores, by the name that repositories call them.
	S3Credentials map[string]snapshots.Credentials

	// SearchDelay is shard.Config.SearchDelay.
	SearchDelay time.Duration

	// SnapshotEvery is shard.Config.SnapshotEvery.
	SnapshotEvery uint64

	// TrailingLogs is how many entries of the metadata's log are kept behind a snapshot; 0 is the default of
	// package consensus.
	TrailingLogs uint64

	// Now is the clock, After the timers.
	Now      func() time.Time
	After    func(time.Duration) <-chan time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// ClusterConfig says how a node finds others and is found.
type ClusterConfig struct {
	// RPCAddr and GossipAddr are host:port to listen on; port 0 takes a free one.
	RPCAddr, GossipAddr string
	// AdvertiseHost is the host that others reach the node by; empty takes that of the addresses, or the
	// machine's if they have none.
	AdvertiseHost string
	// Join are addresses of other nodes' gossip, see gossip.ParseJoin. None of them needs to be there yet.
	Join []string
	// Expect is the number of coordinators that found a new cluster together; 0 joins one that exists.
	Expect int
	// Key encrypts gossip: 16, 24 or 32 bytes, or none.
	Key []byte
}

// Default gives the defaults; DataDir, Analyzers, Logger and Registry are to be set.
func Default() Config {
	return Config{
		FS: vfs.OS(), DropRest: reconcile.DefaultRest, Now: time.Now, After: time.After,
		Roles:      []state.Role{state.RoleCoordinator, state.RoleShard, state.RoleGateway},
		ScrubEvery: replica.DefaultScrubEvery, ScrubBytesPerSecond: shard.DefaultScrubBytesPerSecond,
	}
}

// Validate names what is missing or can't be.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.DataDir == "", "DataDir is not set")
	wrong(c.FS == nil, "FS is not set")
	wrong(c.Analyzers == nil, "Analyzers is not set")
	wrong(c.Now == nil, "Now is not set")
	wrong(c.After == nil, "After is not set")
	wrong(c.Logger == nil, "Logger is not set")
	wrong(c.Registry == nil, "Registry is not set")
	wrong(len(c.Roles) == 0, "Roles is empty")
	wrong(!(c.SearchLog >= 0 && c.SearchLog <= 1), "SearchLog is %v, must be 0 to 1", c.SearchLog)
	wrong(c.ScrubEvery < 0, "ScrubEvery is %s", c.ScrubEvery)
	wrong(c.ScrubBytesPerSecond <= 0, "ScrubBytesPerSecond is %d", c.ScrubBytesPerSecond)
	wrong(c.MergeBytesPerSecond < 0, "MergeBytesPerSecond is %d", c.MergeBytesPerSecond)
	for _, r := range c.Roles {
		known := r == state.RoleCoordinator || r == state.RoleShard || r == state.RoleGateway
		wrong(!known, "role %q is none of %s, %s, %s", r, state.RoleCoordinator, state.RoleShard, state.RoleGateway)
	}
	if c.Cluster == nil {
		wrong(!c.has(state.RoleCoordinator) || !c.has(state.RoleShard),
			"a node on its own needs the roles %s and %s", state.RoleCoordinator, state.RoleShard)
	} else {
		wrong(c.Cluster.RPCAddr == "", "RPCAddr is not set")
		wrong(c.Cluster.GossipAddr == "", "GossipAddr is not set")
		wrong(c.Cluster.Expect < 0 || c.Cluster.Expect > maxCoordinators || c.Cluster.Expect > 1 && c.Cluster.Expect%2 == 0,
			"Expect is %d, must be 0, 1, 3 or 5", c.Cluster.Expect)
		wrong(c.Cluster.Expect > 0 && !c.has(state.RoleCoordinator), "Expect is for coordinators")
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("node configuration: %w", err)
	}
	return nil
}

func (c *Config) has(role state.Role) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// maxCoordinators is the most voters of the metadata: more make changes slower and nothing safer.
const maxCoordinators = 5
