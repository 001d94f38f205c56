package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrConfig is returned by New for a configuration that can't work.
var ErrConfig = errors.New("invalid configuration of the HTTP server")

// Config configures a Server.
type Config struct {
	Node Node
	// Auth tells who asks; NewAnyone lets everybody do everything.
	Auth Authenticator
	// Recorder keeps the audit log, beside what Node.Audit does; nil for none. AuditReads says which reads are in it.
	Recorder   Recorder
	AuditReads AuditReads
	// Registry is where metrics are registered, Gatherer where /metrics reads them.
	Registry prometheus.Registerer
	Gatherer prometheus.Gatherer
	Logger   *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// ReadTimeout bounds reading a request; of a stream, the wait for its next bytes.
	ReadTimeout time.Duration
	// WriteTimeout bounds writing an answer; of a stream, the wait for the client to take some.
	WriteTimeout time.Duration
	// IdleTimeout closes connections on which nothing is asked.
	IdleTimeout time.Duration
	// OperationTimeout bounds what is no search: writes, reads, changes of indexes.
	OperationTimeout time.Duration
	// Searches and Writes bound what runs at once; Queue what waits for each of them. In a cluster most of it waits
	// for other nodes: the bound must leave room for what arrives while a copy that fell silent is found out.
	Searches, Writes, Queue int
	// Connections bounds the connections of one address.
	Connections int
}

// Default gives the defaults; Node, Auth, Registry, Gatherer and Logger are to be set.
func Default() Config {
	return Config{
		AuditReads: AuditReadsNone,
		Now:        time.Now, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, OperationTimeout: 30 * time.Second,
		Searches: 256, Writes: 256, Queue: 256, Connections: 4096,
	}
}

// Validate returns ErrConfig naming what is missing or not positive.
func (c Config) Validate() error {
	if c.Node == nil || c.Auth == nil || c.Registry == nil || c.Gatherer == nil || c.Logger == nil || c.Now == nil {
		return fmt.Errorf("%w: node, authenticator, registry, gatherer, logger and clock are required", ErrConfig)
	}
	if c.AuditReads != AuditReadsNone && c.AuditReads != AuditReadsAll {
		return fmt.Errorf("%w: AuditReads is %q", ErrConfig, c.AuditReads)
	}
	if min(c.ReadTimeout, c.WriteTimeout, c.IdleTimeout, c.OperationTimeout) <= 0 {
		return fmt.Errorf("%w: timeouts must be positive", ErrConfig)
	}
	if min(c.Searches, c.Writes, c.Connections) <= 0 || c.Queue < 0 {
		return fmt.Errorf("%w: limits of concurrency must be positive", ErrConfig)
	}
	return nil
}
