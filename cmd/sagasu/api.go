package main

import (
	"context"
	"fmt"
	"net"

	"sagasu/coordinator"
	"sagasu/coordinator/httpapi"
)

// serveAPI serves the native API until ctx ends, and then lets the calls under way finish.
func serveAPI(ctx context.Context, listener net.Listener, node *coordinator.Node, p *process) error {
	cfg := httpapi.Default()
	cfg.Node, cfg.Registry, cfg.Gatherer, cfg.Logger = node, p.registry, p.registry, p.logger
	cfg.Auth = httpapi.Anyone{}
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
