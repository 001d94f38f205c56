package httpapi

import (
	"context"
	"fmt"
	"net"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// Server serves the native API.
type Server struct {
	cfg        Config
	metrics    *metrics
	routes     *node
	http       *fasthttp.Server
	searches   *gate
	writes     *gate
	exposition fasthttp.RequestHandler
	base       context.Context
	cancelBase context.CancelFunc
}

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	tree, err := plant(routes())
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, metrics: m, routes: tree,
		searches: newGate("searches", cfg.Searches, cfg.Queue),
		writes:   newGate("writes", cfg.Writes, cfg.Queue),
		exposition: fasthttpadaptor.NewFastHTTPHandler(
			promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{})),
	}
	s.base, s.cancelBase = context.WithCancel(context.Background())
	s.http = &fasthttp.Server{
		Handler: s.handle, ErrorHandler: s.malformed,
		Name:        "sagasu",
		ReadTimeout: cfg.ReadTimeout, WriteTimeout: cfg.WriteTimeout, IdleTimeout: cfg.IdleTimeout,
		MaxConnsPerIP: cfg.Connections,
		// Bodies are streamed to the handlers, which bound them; the announced length is not allocated.
		StreamRequestBody: true, MaxRequestBodySize: prefetchBytes, DisablePreParseMultipartForm: true,
		ReadBufferSize: 16 << 10, CloseOnShutdown: true,
		Logger: serverLog{cfg.Logger},
	}
	return s, nil
}

// Serve answers requests until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); err != nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, and lets requests under way finish until ctx is done; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.cancelBase()
	stop := context.AfterFunc(ctx, s.cancelBase)
	defer stop()
	if err := s.http.ShutdownWithContext(ctx); err != nil {
		return fmt.Errorf("shut down HTTP server: %w", err)
	}
	return nil
}
