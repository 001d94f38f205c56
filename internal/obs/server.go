package obs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrConfig is returned by New when something is missing.
var ErrConfig = errors.New("incomplete configuration of the operations server")

// Limits of the operations server.
const (
	// headerTimeout bounds reading a request, which has no body.
	headerTimeout = 5 * time.Second
	// idleTimeout closes connections on which nothing is asked; scrapes come more often.
	idleTimeout = 2 * time.Minute
	// readyTimeout bounds the check whether the node is ready.
	readyTimeout = 5 * time.Second
)

// Config configures a Server.
type Config struct {
	// Gatherer is what /metrics shows.
	Gatherer prometheus.Gatherer
	// Ready gives nil when the node can serve, else an error that names what is missing.
	Ready func(context.Context) error
}

// Validate returns ErrConfig if a part is missing.
func (c Config) Validate() error {
	if c.Gatherer == nil || c.Ready == nil {
		return fmt.Errorf("%w: gatherer and ready are required", ErrConfig)
	}
	return nil
}

// Server serves /metrics, /health, /health/ready and /debug/pprof/.
type Server struct {
	cfg  Config
	http *http.Server
}

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /health/ready", s.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	// There is no write timeout: a profile takes as long as it is asked to.
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	return s, nil
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := s.cfg.Ready(ctx); err != nil {
		answer(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A client that left before the answer needs none.
	_, _ = fmt.Fprintln(w, text)
}

// Serve answers requests until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve operations on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting and waits for requests under way until ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down operations server: %w", err), s.http.Close())
	}
	return nil
}
