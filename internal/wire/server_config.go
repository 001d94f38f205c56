package wire

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ServerConfig is what a Server is made of. Hello and Logger are required; a number that is 0 takes its default.
type ServerConfig struct {
	// Hello tells who this node is; it is asked for each connection, as a node may learn its cluster late.
	Hello func() Hello
	// Admit refuses a peer by an error, whose text the peer gets; nil admits all.
	Admit func(Lane, Hello) error
	// TLS makes connections encrypted, unless nil.
	TLS *tls.Config
	// Logger gets what no caller is told: panics of handlers, refused peers.
	Logger *slog.Logger
	// Registry gets the metrics, unless nil. It can be that of a Pool too.
	Registry prometheus.Registerer

	// QueryHandlers, RaftHandlers and BulkHandlers bound the calls under way in each lane. What is over is
	// answered with CodeOverloaded at once. Defaults: 1024, 4096, 64.
	QueryHandlers, RaftHandlers, BulkHandlers int
	// RequestBytes bounds the bodies of the calls under way, together, in bytes; over it as well is CodeOverloaded.
	// Default: 512 MiB.
	RequestBytes int64
	// PingInterval is after how long a silence the peer is pinged, PeerTimeout after how long it is given up. Defaults:
	// 5 s, 10 s.
	PingInterval, PeerTimeout time.Duration
	// DrainTimeout is how long Close lets calls end by themselves, CloseTimeout how long it waits for them after
	// their contexts were cancelled. Defaults: 1 s, 5 s.
	DrainTimeout, CloseTimeout time.Duration

	apart bool // write each frame by itself; for measurements
}

// Validate returns ErrInvalidConfig for the first setting that is missing or out of its range.
func (c ServerConfig) Validate() error {
	switch {
	case c.Hello == nil:
		return fmt.Errorf("%w: Hello is missing", ErrInvalidConfig)
	case c.Logger == nil:
		return fmt.Errorf("%w: Logger is missing", ErrInvalidConfig)
	case min(c.QueryHandlers, c.RaftHandlers, c.BulkHandlers) < 0:
		return fmt.Errorf("%w: QueryHandlers, RaftHandlers or BulkHandlers is negative", ErrInvalidConfig)
	case c.RequestBytes < 0:
		return fmt.Errorf("%w: RequestBytes is %d", ErrInvalidConfig, c.RequestBytes)
	case c.DrainTimeout < 0 || c.CloseTimeout < 0:
		return fmt.Errorf("%w: DrainTimeout or CloseTimeout is negative", ErrInvalidConfig)
	}
	return validatePings(c.PingInterval, c.PeerTimeout)
}

// validatePings checks the settings that both sides have.
func validatePings(interval, timeout time.Duration) error {
	interval, timeout = or(interval, defaultPingInterval), or(timeout, defaultPeerTimeout)
	if interval < 0 || timeout <= interval {
		return fmt.Errorf("%w: PeerTimeout is %v, not over PingInterval, which is %v", ErrInvalidConfig, timeout, interval)
	}
	return nil
}

// withDefaults gives the settings with zeros replaced.
func (c ServerConfig) withDefaults() ServerConfig {
	c.QueryHandlers = or(c.QueryHandlers, defaultQueryHandlers)
	c.RaftHandlers = or(c.RaftHandlers, defaultRaftHandlers)
	c.BulkHandlers = or(c.BulkHandlers, defaultBulkHandlers)
	c.RequestBytes = or(c.RequestBytes, defaultRequestBytes)
	c.PingInterval = or(c.PingInterval, defaultPingInterval)
	c.PeerTimeout = or(c.PeerTimeout, defaultPeerTimeout)
	c.DrainTimeout = or(c.DrainTimeout, defaultDrainTimeout)
	c.CloseTimeout = or(c.CloseTimeout, defaultCloseTimeout)
	return c
}

// or gives the value, or the default for a zero.
func or[T int | int64 | time.Duration](value, preset T) T {
	if value == 0 {
		return preset
	}
	return value
}
