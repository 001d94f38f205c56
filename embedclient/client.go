package embedclient

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
)

// Client asks one embedding service. It is safe for parallel use.
type Client struct {
	cfg       Config
	transport transport
	metrics   *metrics
	breaker   circuitbreaker.CircuitBreaker[any]
	budget    *budget
	// pace bounds the size of requests with passages; queries come alone.
	pace *pace
	// places bounds the requests under way, by kind.
	places [kinds]chan struct{}
	// ctx ends with the client, for the reason ErrClosed.
	ctx    context.Context
	cancel context.CancelCauseFunc

	dense  *pipeline[[]float32]
	sparse *pipeline[[]api.SparseEntry]
	closed sync.Once
}

var (
	_ Embedder       = (*Client)(nil)
	_ SparseEmbedder = (*Client)(nil)
)

// New makes a client; it does not contact the service. A nil logger discards, a nil registry leaves
// the metrics unregistered. It fails with ErrBadConfig, or when the registry has the metrics of another
// open client: give each a registerer wrapped with labels that tell them apart.
func New(cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sender, err := newHTTPTransport(&cfg)
	if err != nil {
		return nil, err
	}
	return newClient(cfg, logger, reg, sender)
}

func newClient(cfg Config, logger *slog.Logger, reg prometheus.Registerer, sender transport) (*Client, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, transport: sender, metrics: m, budget: newBudget(), pace: newPace(cfg.BatchBytes)}
	c.breaker = newBreaker(logger.With("url", cfg.URL), m.breaker)
	c.places[Query] = make(chan struct{}, cfg.Concurrency)
	c.places[Passage] = make(chan struct{}, cfg.Concurrency)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.dense = newPipeline(c, c.denseEndpoint(), cfg.Dims)
	if cfg.Protocol == ProtocolTEI {
		c.sparse = newPipeline(c, sparseEndpoint(), 0)
	}
	return c, nil
}

// newPipeline makes the pipeline of an endpoint, whose vectors have dims elements, or any number if that is 0.
func newPipeline[E any](c *Client, e *endpoint[[]E], dims int) *pipeline[[]E] {
	return &pipeline[[]E]{
		client: c,
		fetch: func(ctx context.Context, kind Kind, texts []string, worth patience) ([][]E, []error) {
			return embedSplit(ctx, c, e, kind, texts, worth)
		},
		clone:    slices.Clone[[]E],
		encode:   encodeVector[E],
		decode:   func(data []byte) ([]E, bool) { return decodeVector[E](data, dims) },
		identity: c.cfg.identity(e.path),
		flights:  map[key]*flight[[]E]{},
	}
}

// denseEndpoint is the protocol's call for dense vectors.
func (c *Client) denseEndpoint() *endpoint[[]float32] {
	if c.cfg.Protocol == ProtocolTEI {
		return &endpoint[[]float32]{
			path:   "/embed",
			encode: appendTEI,
			decode: func(body []byte, want int) ([][]float32, error) { return parseTEI(body, want, c.cfg.Dims) },
		}
	}
	path := "/v1/embeddings"
	switch base := strings.TrimRight(c.cfg.URL, "/"); {
	case strings.HasSuffix(base, "/embeddings"):
		path = ""
	case strings.HasSuffix(base, "/v1"):
		path = "/embeddings"
	}
	return &endpoint[[]float32]{
		path:   path,
		encode: appendOpenAI,
		decode: func(body []byte, want int) ([][]float32, error) { return parseOpenAI(body, want, c.cfg.Dims) },
	}
}

// sparseEndpoint is the call for sparse vectors, which only text-embeddings-inference has.
func sparseEndpoint() *endpoint[[]api.SparseEntry] {
	return &endpoint[[]api.SparseEntry]{path: "/embed_sparse", encode: appendTEI, decode: parseTEISparse}
}

// Embed implements Embedder. It fails with ErrUnavailable, ErrTimeout, ErrRejected, ErrBadResponse,
// ErrBadKind, ErrClosed, or the context's error when that is canceled.
func (c *Client) Embed(ctx context.Context, kind Kind, texts []string) ([][]float32, error) {
	return c.dense.embed(ctx, kind, texts)
}

// EmbedSparse implements SparseEmbedder. It fails with ErrUnsupported unless the protocol is TEI, and
// else as Embed does.
func (c *Client) EmbedSparse(ctx context.Context, kind Kind, texts []string) ([][]api.SparseEntry, error) {
	if c.sparse == nil {
		return nil, fmt.Errorf("%w: sparse vectors by %q", ErrUnsupported, c.cfg.Protocol)
	}
	return c.sparse.embed(ctx, kind, texts)
}

// Close breaks off what is under way, whose callers get ErrClosed or ErrUnavailable, waits until it
// has ended, and unregisters the metrics. It returns what went wrong closing connections, which are
// gone all the same. Closing again does nothing.
func (c *Client) Close() error {
	var err error
	c.closed.Do(func() {
		c.dense.close()
		if c.sparse != nil {
			c.sparse.close()
		}
		c.cancel(ErrClosed)
		err = c.transport.close()
		c.dense.wait()
		if c.sparse != nil {
			c.sparse.wait()
		}
		c.metrics.unregister()
	})
	if err != nil {
		return fmt.Errorf("close embedding client: %w", err)
	}
	return nil
}
