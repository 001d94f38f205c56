package embedclient

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// ServicesConfig says which service has which model.
type ServicesConfig struct {
	// Default is the service of texts whose model is not named; its URL is empty if there is none. It is also asked,
	// by name, for models that are not in ByModel.
	Default Config
	// ByModel gives the URLs of the services of other models. What else Default says goes for them too, but Dims,
	// QueryModel and PassageModel.
	ByModel map[string]string
	Logger  *slog.Logger
	// Registry takes the metrics of all clients, told apart by the label model, which is empty for Default's.
	Registry prometheus.Registerer
}

// Services are clients of embedding services, one for each model, made when the model is first asked for. They may be
// used concurrently.
type Services struct {
	cfg ServicesConfig

	// mu guards the rest.
	mu      sync.Mutex
	clients map[string]*Client
	closed  bool
}

// NewServices makes Services; it contacts none. It fails with ErrBadConfig.
func NewServices(cfg ServicesConfig) (*Services, error) {
	for model := range cfg.ByModel {
		if model == "" {
			return nil, fmt.Errorf("%w: a service of a model without a name", ErrBadConfig)
		}
		if err := cfg.of(model).Validate(); err != nil {
			return nil, fmt.Errorf("service of model %q: %w", model, err)
		}
	}
	s := &Services{cfg: cfg, clients: map[string]*Client{}}
	if cfg.Default.URL == "" {
		return s, nil
	}
	_, err := s.client("")
	return s, err
}

// of gives the configuration of a model's client; its URL is empty if there is no service.
func (c *ServicesConfig) of(model string) Config {
	cfg := c.Default
	if model == "" || model == cfg.Model && c.ByModel[model] == "" {
		return cfg
	}
	if url := c.ByModel[model]; url != "" {
		cfg.URL = url
	}
	cfg.Model, cfg.QueryModel, cfg.PassageModel, cfg.Dims, cfg.SendDims = model, "", "", 0, false
	return cfg
}

// Models are those that ByModel names, ascending.
func (s *Services) Models() []string {
	models := make([]string, 0, len(s.cfg.ByModel))
	for model := range s.cfg.ByModel {
		models = append(models, model)
	}
	slices.Sort(models)
	return models
}

// For gives the client of a model, that of the default service for "". It fails with ErrNoService, and ErrClosed.
func (s *Services) For(model string) (Embedder, error) {
	c, err := s.client(model)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Services) client(model string) (*Client, error) {
	cfg := s.cfg.of(model)
	if cfg.URL == "" {
		return nil, s.none(model)
	}
	if model == s.cfg.Default.Model && s.cfg.ByModel[model] == "" {
		model = ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch present := s.clients[model]; {
	case s.closed:
		return nil, ErrClosed
	case present != nil:
		return present, nil
	case len(s.clients) >= maxServices:
		return nil, fmt.Errorf("%w: %d models are in use, at most %d are allowed", ErrNoService, len(s.clients), maxServices)
	}
	registry := s.cfg.Registry
	if registry != nil {
		registry = prometheus.WrapRegistererWith(prometheus.Labels{"model": model}, registry)
	}
	made, err := New(cfg, s.cfg.Logger, registry)
	if err != nil {
		return nil, fmt.Errorf("client of model %q: %w", model, err)
	}
	s.clients[model] = made
	return made, nil
}

// none says which model has no service.
func (s *Services) none(model string) error {
	if model == "" {
		return fmt.Errorf("%w: none is configured", ErrNoService)
	}
	return fmt.Errorf("%w for model %q; those configured are for %q", ErrNoService, model, s.Models())
}

// Close closes every client.
func (s *Services) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, c := range s.clients {
		errs = append(errs, c.Close())
	}
	s.clients = map[string]*Client{}
	return errors.Join(errs...)
}
