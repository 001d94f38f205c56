package gossip

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what Open needs. Start from Default.
type Config struct {
	// ID is the node's stable name, never an address: addresses change.
	ID string
	// BindAddr is the host:port to listen on, UDP and TCP. No host is every IPv4 address, port 0 a free one.
	BindAddr string
	// AdvertiseAddr is the host:port that others reach it by. A name is looked up once, by Open. Empty, or without a
	// host, it is BindAddr's, or the machine's first private address if that is 0.0.0.0; without a port it is the one
	// listened on.
	AdvertiseAddr string
	// Key encrypts and authenticates all gossip, with AES of 16, 24 or 32 bytes. nil for none; all members alike.
	Key []byte
	// Meta is what the node tells of itself at first; see Update.
	Meta Meta
	// Join gives the host:port of members to join, asked again and again; nil for none. Addresses that come with an
	// error are used all the same. See ParseJoin.
	Join func() ([]string, error)

	// ProbeInterval is how often one other member is probed, in turn.
	ProbeInterval time.Duration
	// ProbeTimeout is how long it has to answer before others are asked to probe it; ProbeInterval at most.
	ProbeTimeout time.Duration
	// GossipInterval is how often news is passed on.
	GossipInterval time.Duration
	// SyncInterval is how often all is exchanged with one other member, for news that got lost.
	SyncInterval time.Duration
	// StreamTimeout bounds joining and exchanging.
	StreamTimeout time.Duration

	// Logger gets memberlist's log too; required.
	Logger *slog.Logger
	// Registry gets the metrics; nil for none.
	Registry prometheus.Registerer
	// Now is the clock of what is told; waiting goes by time itself.
	Now func() time.Time
	// Transport replaces the sockets, in tests; BindAddr is not used then. Close shuts it down.
	Transport memberlist.Transport
}

// Default gives the settings for a local network, in which one killed or stopped member is seen dead after two to five
// seconds, several at once or one among dozens somewhat later; ID and Logger are left to the caller.
func Default() Config {
	return Config{
		BindAddr:       fmt.Sprintf("0.0.0.0:%d", DefaultPort),
		ProbeInterval:  500 * time.Millisecond,
		ProbeTimeout:   250 * time.Millisecond,
		GossipInterval: 200 * time.Millisecond,
		SyncInterval:   30 * time.Second,
		StreamTimeout:  5 * time.Second,
		Now:            time.Now,
	}
}

// Validate names the first field that does not make sense, with ErrInvalidConfig.
func (c Config) Validate() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalidConfig, fmt.Sprintf(format, args...))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ProbeInterval", c.ProbeInterval},
		{"ProbeTimeout", c.ProbeTimeout},
		{"GossipInterval", c.GossipInterval},
		{"SyncInterval", c.SyncInterval},
		{"StreamTimeout", c.StreamTimeout},
	} {
		if d.value < time.Millisecond {
			return invalid("%s %v is shorter than 1ms", d.name, d.value)
		}
	}
	switch {
	case c.ID == "" || len(c.ID) > maxIDBytes:
		return invalid("ID %q has %d bytes, 1 to %d are allowed", c.ID, len(c.ID), maxIDBytes)
	case checkText("ID", c.ID) != nil:
		return invalid("ID %q has characters that are not text", c.ID)
	case c.ProbeTimeout > c.ProbeInterval:
		return invalid("ProbeTimeout %v is longer than ProbeInterval %v", c.ProbeTimeout, c.ProbeInterval)
	case c.Logger == nil:
		return invalid("Logger is nil")
	case c.Now == nil:
		return invalid("Now is nil")
	}
	if c.Key != nil {
		if err := memberlist.ValidateKey(c.Key); err != nil {
			return invalid("Key has %d bytes, 16, 24 or 32 are allowed", len(c.Key))
		}
	}
	return nil
}

// listConfig gives memberlist's settings.
func (c Config) listConfig() *memberlist.Config {
	l := memberlist.DefaultLANConfig()
	l.Name = c.ID
	l.Label = label
	l.SecretKey = c.Key
	l.ProbeInterval, l.ProbeTimeout = c.ProbeInterval, c.ProbeTimeout
	l.GossipInterval, l.PushPullInterval, l.TCPTimeout = c.GossipInterval, c.SyncInterval, c.StreamTimeout
	l.SuspicionMult, l.SuspicionMaxTimeoutMult = suspicionMult, suspicionMaxMult
	l.AwarenessMaxMultiplier = awarenessMax
	l.DeadNodeReclaimTime = reclaimTime
	l.EnableCompression = false // there is little to send, and nothing to blow up on arrival
	l.Logger = newLogger(c.Logger)
	return l
}
