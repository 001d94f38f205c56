package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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

// newEmbedders makes the clients of the embedding services; nil if none is configured.
func newEmbedders(conf *configuration, p *process) (*embedclient.Services, error) {
	if conf.get("embed-url") == "" && conf.get("embed-services") == "" {
		return nil, nil
	}
	cfg := embedclient.ServicesConfig{Default: embedclient.Default(), Logger: p.logger, Registry: p.registry}
	cfg.Default.URL, cfg.Default.Protocol = conf.get("embed-url"), conf.get("embed-protocol")
	cfg.Default.Model = conf.get("embed-model")
	if p.caches.embedding != nil {
		cfg.Default.Cache = p.caches.embedding
	}
	var err error
	if cfg.Default.Dims, err = strconv.Atoi(conf.get("embed-dims")); err != nil {
		return nil, usageError("embed-dims: %w", err)
	}
	if cfg.ByModel, err = parseServices(conf.get("embed-services")); err != nil {
		return nil, usageError("embed-services: %w", err)
	}
	services, err := embedclient.NewServices(cfg)
	if err != nil {
		return nil, usageError("embedding service: %w", err)
	}
	return services, nil
}

// parseServices reads model=url,model=url.
func parseServices(text string) (map[string]string, error) {
	services := map[string]string{}
	if text == "" {
		return services, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		model, url, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || model == "" {
			return nil, fmt.Errorf("%q is not model=url", pair)
		}
		if services[model] != "" {
			return nil, fmt.Errorf("model %q is named twice", model)
		}
		if err := checkURL(url); err != nil || url == "" {
			return nil, fmt.Errorf("%q of model %q is no http or https URL", url, model)
		}
		services[model] = url
	}
	return services, nil
}

func checkServices(v string) error {
	_, err := parseServices(v)
	return err
}

// newNode opens the node of the configured data directory.
// say tells the operator the first key.
func newNode(ctx context.Context, conf *configuration, p *process, say func(key string)) (*coordinator.Node, error) {
	cfg := coordinator.Default()
	cfg.DataDir, cfg.Analyzers = conf.get("data-dir"), analysis.NewRegistry()
	cfg.Logger, cfg.Registry = p.logger, p.registry
	if p.embedders != nil {
		cfg.Embedders = p.embedders
	}
	if p.milvus != nil {
		cfg.Remote = p.milvus
	}
	if p.caches.answers != nil {
		cfg.Answers = p.caches.answers
	}
	var err error
	if cfg.OpenCatalog, err = newCatalog(conf, p); err != nil {
		return nil, err
	}
	if cfg.SearchLog, err = parseSearchLog(conf.get("search-log")); err != nil {
		return nil, usageError("search-log: %w", err)
	}
	cfg.ID, cfg.Zone, cfg.Version = conf.get("node-id"), conf.get("zone"), readBuildInfo().Version
	cfg.HTTPAddr, cfg.OpsAddr = p.httpAddr, p.opsAddr
	cfg.Roles = roles(conf.get("role"))
	if err := configureScrub(conf, &cfg); err != nil {
		return nil, err
	}
	if err := configureSnapshots(conf, &cfg); err != nil {
		return nil, err
	}
	if cfg.SearchDelay, err = time.ParseDuration(conf.searchDelay); err != nil {
		return nil, usageError("%s: %w", delayVariable, err)
	}
	if cfg.SnapshotEvery, err = strconv.ParseUint(conf.snapshotEvery, 10, 64); err != nil {
		return nil, usageError("%s: %w", snapshotVariable, err)
	}
	if cfg.Cluster, err = clusterConfig(conf); err != nil {
		return nil, err
	}
	if err := configureSecurity(conf, p, &cfg, say); err != nil {
		return nil, err
	}
	return coordinator.Open(ctx, cfg)
}
