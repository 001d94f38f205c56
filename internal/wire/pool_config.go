package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PoolConfig is what a Pool is made of. Hello, Resolve and Logger are required; a duration that is 0 takes its default.
type PoolConfig struct {
	// Hello tells who this node is; it is asked for each connection.
	Hello func() Hello
	// Resolve gives a node's present address, host:port. It is asked for each call, so that it must be quick.
	Resolve func(node string) (addr string, ok bool)
	// Admit refuses to call a node by an error, which callers get; nil calls all.
	Admit func(Lane, Hello) error
	// TLS makes connections encrypted, unless nil. Without a ServerName the address's host is verified.
	TLS *tls.Config
	// Dial makes a connection to an address, TLS and hello left to the pool; nil dials TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Logger gets what no caller is told: connections that broke.
	Logger *slog.Logger
	// Registry gets the metrics, unless nil. It can be that of a Server too.
	Registry prometheus.Registerer

	// DialTimeout bounds making a connection, hello included. Default: 2 s.
	DialTimeout time.Duration
	// PingInterval is after how long a silence the peer is pinged, PeerTimeout after how long it is given up. Defaults:
	// 5 s, 10 s.
	PingInterval, PeerTimeout time.Duration

	apart bool // write each frame by itself; for measurements
}

// Validate returns ErrInvalidConfig for the first setting that is missing or out of its range.
func (c PoolConfig) Validate() error {
	switch {
	case c.Hello == nil:
		return fmt.Errorf("%w: Hello is missing", ErrInvalidConfig)
	case c.Resolve == nil:
		return fmt.Errorf("%w: Resolve is missing", ErrInvalidConfig)
	case c.Logger == nil:
		return fmt.Errorf("%w: Logger is missing", ErrInvalidConfig)
	case c.DialTimeout < 0:
		return fmt.Errorf("%w: DialTimeout is %v", ErrInvalidConfig, c.DialTimeout)
	}
	return validatePings(c.PingInterval, c.PeerTimeout)
}

// withDefaults gives the settings with zeros replaced.
func (c PoolConfig) withDefaults() PoolConfig {
	c.DialTimeout = or(c.DialTimeout, defaultDialTimeout)
	c.PingInterval = or(c.PingInterval, defaultPingInterval)
	c.PeerTimeout = or(c.PeerTimeout, defaultPeerTimeout)
	if c.Dial == nil {
		// Pings tell whether the peer lives, not the keepalive of TCP.
		dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1}
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }
	}
	return c
}
