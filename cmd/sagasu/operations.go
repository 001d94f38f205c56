package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds a readiness check.
const readyTimeout = 5 * time.Second

// readiness is the part of a node that is asked whether it can serve.
type readiness interface {
	Ready(ctx context.Context) error
}

// serveOperations serves metrics, health and profiles until ctx ends.
func serveOperations(ctx context.Context, listener net.Listener, node readiness, p *process) error {
	server := &http.Server{Handler: operations(node, p), ReadHeaderTimeout: readyTimeout}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(last)
	})
	err := server.Serve(listener)
	if stop() {
		return fmt.Errorf("serve operations: %w", err)
	}
	if err = <-stopped; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop serving operations: %w", err)
	}
	return nil
}

func operations(node readiness, p *process) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { answer(p, w, http.StatusOK, "ok") })
	mux.HandleFunc("/health/ready", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := node.Ready(ctx); err != nil {
			answer(p, w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(p, w, http.StatusOK, "ready")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func answer(p *process, w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	if _, err := fmt.Fprintln(w, text); err != nil {
		p.logger.Debug("answer not taken", "error", err)
	}
}
