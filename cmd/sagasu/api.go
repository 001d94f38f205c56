package main

import (
	"context"
	"fmt"
	"net"

	"sagasu/coordinator"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/auditlog"
)

// serveAPI serves the native API until ctx ends, and then lets the calls under way finish.
func serveAPI(ctx context.Context, listener net.Listener, conf *configuration, node *coordinator.Node,
	audit *auditlog.Log, p *process,
) error {
	cfg := httpapi.Default()
	cfg.Node, cfg.Registry, cfg.Gatherer, cfg.Logger = node, p.registry, p.registry, p.logger
	cfg.Auth = node
	if conf.get("insecure") == "true" {
		cfg.Auth = httpapi.NewAnyone()
	}
	if audit != nil {
		cfg.Recorder = audit
	}
	cfg.AuditReads = httpapi.AuditReads(conf.get("audit-reads"))
	server, err := httpapi.New(cfg)
	if err != nil {
		return fmt.Errorf("prepare the API: %w", err)
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(last)
	})
	err = server.Serve(listener)
	if stop() {
		return err
	}
	return <-stopped
}
