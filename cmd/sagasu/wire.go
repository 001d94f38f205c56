package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sagasu/coordinator"
	"sagasu/embedclient"
	"sagasu/sparse/analysis"
)

// newRegistry makes the registry of all metrics of the process.
func newRegistry() (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return registry, nil
}

// newEmbedder makes the client of the embedding service; nil if none is configured.
func newEmbedder(
	conf *configuration, logger *slog.Logger, registry prometheus.Registerer,
) (*embedclient.Client, error) {
	if conf.get("embed-url") == "" {
		return nil, nil
	}
	cfg := embedclient.Default()
	cfg.URL, cfg.Protocol, cfg.Model = conf.get("embed-url"), conf.get("embed-protocol"), conf.get("embed-model")
	dims, err := strconv.Atoi(conf.get("embed-dims"))
	if err != nil {
		return nil, usageError("embed-dims: %w", err)
	}
	cfg.Dims = dims
	client, err := embedclient.New(cfg, logger, registry)
	if err != nil {
		return nil, usageError("embedding service: %w", err)
	}
	return client, nil
}

// newNode opens the node of the configured data directory.
func newNode(ctx context.Context, conf *configuration, p *process) (*coordinator.Node, error) {
	cfg := coordinator.Default()
	cfg.DataDir, cfg.Analyzers = conf.get("data-dir"), analysis.NewRegistry()
	cfg.Logger, cfg.Registry = p.logger, p.registry
	if p.embedder != nil {
		cfg.Embedder = p.embedder
	}
	if addr := conf.get("milvus-addr"); addr != "" {
		cfg.Remote = newMilvus(addr)
	}
	cfg.ID, cfg.Zone, cfg.Version = conf.get("node-id"), conf.get("zone"), readBuildInfo().Version
	cfg.HTTPAddr, cfg.OpsAddr = p.httpAddr, p.opsAddr
	cfg.Roles = roles(conf.get("role"))
	var err error
	if cfg.SearchDelay, err = time.ParseDuration(conf.searchDelay); err != nil {
		return nil, usageError("%s: %w", delayVariable, err)
	}
	if cfg.Cluster, err = clusterConfig(conf); err != nil {
		return nil, err
	}
	return coordinator.Open(ctx, cfg)
}
