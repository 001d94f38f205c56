package query

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// fakeShard answers from lists; a hook, if set, decides instead.
type fakeShard struct {
	lexical    []sparse.Hit
	total      int
	near       []dense.Hit
	lag        int
	gone       map[string]bool
	sparseHook func(context.Context) error
	denseHook  func(context.Context) error
	fetchHook  func(context.Context) error
}

func (f *fakeShard) SearchSparse(
	ctx context.Context, req sparse.Request, _ []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, error) {
	if f.sparseHook != nil {
		if err := f.sparseHook(ctx); err != nil {
			return sparse.TopDocs{}, sparse.Statistics{}, err
		}
	}
	return sparse.TopDocs{Hits: f.lexical[:min(req.K, len(f.lexical))], Total: f.total}, sparse.Statistics{}, nil
}

func (f *fakeShard) SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error) {
	if f.denseHook != nil {
		if err := f.denseHook(ctx); err != nil {
			return DenseResult{}, err
		}
	}
	return DenseResult{Hits: f.near[:min(req.K, len(f.near))], Lag: f.lag}, nil
}

func (f *fakeShard) Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error) {
	if f.fetchHook != nil {
		if err := f.fetchHook(ctx); err != nil {
			return nil, err
		}
	}
	var out []sparse.Stored
	for _, id := range ids {
		if !f.gone[id] {
			out = append(out, sparse.Stored{ID: id, Source: []byte(`{"of":"` + id + `"}`)})
		}
	}
	return out, nil
}

func (f *fakeShard) Count(context.Context, api.Query) (int, error) { return f.total, nil }

func (f *fakeShard) Statistics(context.Context, []sparse.TermKey) (sparse.Statistics, error) {
	return sparse.Statistics{}, nil
}

// fakeTerms gives the same terms for every query.
type fakeTerms []sparse.TermKey

func (f fakeTerms) Terms(api.Query) ([]sparse.TermKey, error) { return f, nil }

// fakeEmbedder gives one vector, after the hook.
type fakeEmbedder struct {
	dims int
	hook func(context.Context) error
}

func (f *fakeEmbedder) Embed(ctx context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	if f.hook != nil {
		if err := f.hook(ctx); err != nil {
			return nil, err
		}
	}
	out := make([][]float32, len(texts))
	for i := range out {
		out[i] = make([]float32, f.dims)
	}
	return out, nil
}

// fixture is a searcher over fakes that all work.
type fixture struct {
	searcher *Searcher
	embedder *fakeEmbedder
	shard    *fakeShard
	registry *prometheus.Registry
	target   Target
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		embedder: &fakeEmbedder{dims: 3},
		registry: prometheus.NewRegistry(),
		shard: &fakeShard{
			lexical: []sparse.Hit{{ID: "a", Score: 3}, {ID: "b", Score: 2}, {ID: "c", Score: 1}}, total: 7,
			near: []dense.Hit{{ID: "b", Score: 0.9}, {ID: "d", Score: 0.8}},
		},
	}
	cfg := Default()
	cfg.Embedder, cfg.Registry, cfg.Logger = f.embedder, f.registry, slog.New(slog.DiscardHandler)
	var err error
	f.searcher, err = New(cfg)
	require.NoError(t, err)
	f.target = Target{
		Name: "papers", ID: "0001", Shards: []Shard{f.shard}, Terms: fakeTerms{{Field: "title", Term: "x"}},
		Schema: &api.Schema{
			Fields: map[string]api.Field{"title": {Type: api.TypeText}},
			Dense:  &api.DenseConfig{Dims: 3},
		},
	}
	return f
}

func (f *fixture) search(t *testing.T, body string) (*api.SearchResponse, error) {
	t.Helper()
	req, err := api.ParseSearchRequest(f.target.Schema, []byte(body))
	require.NoError(t, err)
	return f.searcher.Search(t.Context(), f.target, req)
}

func ids(r *api.SearchResponse) []string {
	out := []string{}
	for _, h := range r.Hits {
		out = append(out, h.ID)
	}
	return out
}

// hang waits until the context is done, as a server that does not answer.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func fail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// counted gives the value of a counter.
func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return m.GetCounter().GetValue()
}
