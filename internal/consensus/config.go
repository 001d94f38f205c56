package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/consensus/boltstore"
)

// Member is a voter of a group that is bootstrapped.
type Member struct {
	ID      string // stable name; with a Network the node's
	Address string // where its transport listens; empty for the ID, as a Network has it
}

// Config is what a replica needs. Start from Default.
type Config struct {
	// ID is the replica's stable name, never an address: addresses change.
	ID string
	// Address is the transport's; it may be empty without a Transport. Unused with a Network.
	Address string
	// Dir holds the log and the snapshot references; it is created.
	Dir string
	// Group names the raft group in logs and metrics.
	Group string
	// Network connects the group's replicas by the names of their nodes; ID must be this node's. Open registers Group
	// with it and Close unregisters. nil for a group of one voter that stays one.
	Network *Network
	// Transport is used instead of a Network if it is not nil, and must support pre-vote; the caller closes it after
	// the group.
	Transport raft.Transport
	// Bootstrap founds the group when Dir is empty; all its members may do so with the same Members.
	Bootstrap bool
	// Members are the voters to bootstrap with; none means this replica alone.
	Members []Member

	// HeartbeatTimeout is how long a follower waits for its leader before it asks for votes.
	HeartbeatTimeout time.Duration
	// ElectionTimeout is how long a candidate waits for votes; HeartbeatTimeout at least.
	ElectionTimeout time.Duration
	// LeaderLease is how long a leader goes on without a majority; HeartbeatTimeout at most.
	LeaderLease time.Duration
	// CommitTimeout is how often, down to half as often, an idle leader sends each follower the commit index. With a
	// Network followers are told it by themselves soon after a write, and this is for those who were not reached.
	CommitTimeout time.Duration
	// LockTimeout is how long Open waits for another process to let go of Dir.
	LockTimeout time.Duration
	// DiskStallLimit is how long a store write may take before the replica gives up its leadership and fails.
	DiskStallLimit time.Duration

	// RestoreDir is where the files of the machine of another replica are brought, beside this machine's own and on
	// the same file system; see Adopt. Required with Fetch.
	RestoreDir string
	// Fetch copies the files of the machine of the replica on node from into the empty directory into, and gives the
	// index they are durable to. It is called when the log no longer holds what this replica lacks; nil means such
	// a replica has to be rebuilt. ctx ends with Close.
	Fetch func(ctx context.Context, from, into string) (durable uint64, err error)

	// SnapshotThreshold is the number of entries since the last snapshot that calls for the next.
	SnapshotThreshold uint64
	// TrailingLogs is the number of entries kept behind a snapshot for followers that lag.
	TrailingLogs uint64
	// HashEvery is the distance, in entries, of the states whose hashes replicas compare; equal on all replicas.
	HashEvery uint64

	// Logger gets the replica's log; required.
	Logger *slog.Logger
	// Registerer gets its metrics; nil for none.
	Registerer prometheus.Registerer

	// openStore replaces the store in tests.
	openStore func(dir string, lockTimeout time.Duration) (store, error)
}

// Default gives the settings of production; ID, Dir, Group and Logger are left to the caller.
func Default() Config {
	return Config{
		// Heartbeats share raft's loop with disk writes, so that less would mean elections on a slow disk; more would
		// keep writers waiting for longer after a leader's loss.
		HeartbeatTimeout:  1500 * time.Millisecond,
		ElectionTimeout:   1500 * time.Millisecond,
		LeaderLease:       time.Second,
		CommitTimeout:     500 * time.Millisecond,
		LockTimeout:       time.Second,
		DiskStallLimit:    10 * time.Second,
		SnapshotThreshold: 8192,
		TrailingLogs:      10240,
		HashEvery:         256,
	}
}

// Validate names the first field that does not make sense, with ErrInvalidConfig.
func (c Config) Validate() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalidConfig, fmt.Sprintf(format, args...))
	}
	for name, value := range map[string]string{"ID": c.ID, "Dir": c.Dir, "Group": c.Group} {
		if value == "" {
			return invalid("%s is empty", name)
		}
	}
	for name, value := range map[string]time.Duration{
		"HeartbeatTimeout": c.HeartbeatTimeout, "ElectionTimeout": c.ElectionTimeout, "LeaderLease": c.LeaderLease,
		"LockTimeout": c.LockTimeout, "DiskStallLimit": c.DiskStallLimit, "CommitTimeout": c.CommitTimeout,
	} {
		if value < 5*time.Millisecond {
			return invalid("%s %v is shorter than 5ms", name, value)
		}
	}
	_, preVote := c.Transport.(raft.WithPreVote)
	switch {
	case c.Logger == nil:
		return invalid("Logger is nil")
	case c.LeaderLease > c.HeartbeatTimeout:
		return invalid("LeaderLease %v is longer than HeartbeatTimeout %v", c.LeaderLease, c.HeartbeatTimeout)
	case c.ElectionTimeout < c.HeartbeatTimeout:
		return invalid("ElectionTimeout %v is shorter than HeartbeatTimeout %v", c.ElectionTimeout, c.HeartbeatTimeout)
	case c.SnapshotThreshold == 0:
		return invalid("SnapshotThreshold is 0")
	case c.HashEvery == 0:
		return invalid("HashEvery is 0")
	case c.Fetch != nil && c.RestoreDir == "":
		return invalid("RestoreDir is empty, Fetch needs it")
	case c.Transport != nil && !preVote:
		return invalid("Transport %T does not support pre-vote", c.Transport)
	case c.Transport == nil && c.Network == nil && len(c.Members) > 1:
		return invalid("%d Members need a Network", len(c.Members))
	case c.Transport == nil && c.Network != nil && c.ID != c.Network.self:
		return invalid("ID %s is not the node's, %s", c.ID, c.Network.self)
	}
	return nil
}

// store opens the log.
func (c Config) store() (store, error) {
	if c.openStore != nil {
		return c.openStore(c.Dir, c.LockTimeout)
	}
	return boltstore.Open(c.Dir, c.LockTimeout)
}

// snapshotStore opens the snapshots beside it.
func (c Config) snapshotStore() (raft.SnapshotStore, error) {
	return raft.NewFileSnapshotStoreWithLogger(c.Dir, retainedSnapshots, newLogger(c.Logger))
}

// solo tells whether the group never has another replica.
func (c Config) solo() bool { return c.Transport == nil && c.Network == nil }

// servers gives the configuration to bootstrap with.
func (c Config) servers(local raft.ServerAddress) raft.Configuration {
	if len(c.Members) == 0 {
		return raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(c.ID), Address: local}}}
	}
	var all raft.Configuration
	for _, m := range c.Members {
		if m.Address == "" {
			m.Address = m.ID
		}
		all.Servers = append(all.Servers, raft.Server{ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Address)})
	}
	return all
}

// raftConfig gives raft's settings.
func (c Config) raftConfig() *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.ID)
	r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout = c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLease
	if c.solo() {
		r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout = soloTimeout, soloTimeout, soloTimeout/2
	}
	r.CommitTimeout = c.CommitTimeout
	r.MaxAppendEntries = maxAppendEntries
	// Unbuffered, so that a command raft never took is known to be uncommitted. Batches form all the same: raft
	// takes every proposal that waits when a write ends.
	r.BatchApplyCh = false
	r.SnapshotThreshold, r.TrailingLogs = c.SnapshotThreshold, c.TrailingLogs
	r.SnapshotInterval = snapshotInterval
	r.NoSnapshotRestoreOnStart = true // the machine is persistent
	r.PreVoteDisabled = false
	r.NoLegacyTelemetry = true
	r.Logger = newLogger(c.Logger.With("group", c.Group))
	return r
}
