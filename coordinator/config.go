package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/internal/vfs"
	"sagasu/sparse/analysis"
)

// Remote is a server that keeps the vectors of all indexes.
type Remote interface {
	// Open gives the dense index of that name, made if missing. It may connect later: a server that is
	// down must not keep a node from starting.
	Open(ctx context.Context, name string, schema api.Schema) (dense.Index, error)
	// Drop removes the dense index of that name, if there is one.
	Drop(ctx context.Context, name string, schema api.Schema) error
}

// Config configures a node.
type Config struct {
	// DataDir holds everything the node keeps; created if missing.
	DataDir   string
	FS        vfs.FS
	Analyzers *analysis.Registry
	// Embedder serves documents and queries; nil if there is no embedding service.
	Embedder embedclient.Embedder
	// Remote keeps the vectors; nil keeps them in this process.
	Remote Remote
	// Now is the clock, time.Now in production.
	Now      func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Default gives the defaults; DataDir, Analyzers, Logger and Registry are to be set.
func Default() Config { return Config{FS: vfs.OS(), Now: time.Now} }

// Validate names what is missing.
func (c *Config) Validate() error {
	var errs []error
	missing := func(name string, is bool) {
		if is {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	missing("DataDir", c.DataDir == "")
	missing("FS", c.FS == nil)
	missing("Analyzers", c.Analyzers == nil)
	missing("Now", c.Now == nil)
	missing("Logger", c.Logger == nil)
	missing("Registry", c.Registry == nil)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("node configuration: %w", err)
	}
	return nil
}
