package query

import (
	"context"
	"log/slog"
	"sync/atomic"
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
	lexical []sparse.Hit
	total   int
	near    []dense.Hit
	// versions are those of Current, 1 for documents that are not in it; selects are the ids of SelectIDs.
	versions map[string]uint64
	selects  []string
	// asked counts the calls of Current; currentHook and selectHook decide instead of them.
	asked       atomic.Int32
	currentHook func(context.Context) error
	selectHook  func(context.Context) error
	lag         int
	gone        map[string]bool
	sparseHook  func(context.Context) error
	denseHook   func(context.Context) error
	fetchHook   func(context.Context) error
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

func (f *fakeShard) Current(ctx context.Context, ids []string, _ int) (Presence, error) {
	f.asked.Add(1)
	if f.currentHook != nil {
		if err := f.currentHook(ctx); err != nil {
			return Presence{}, err
		}
	}
	p := Presence{Versions: make([]uint64, len(ids)), Lag: f.lag}
	for i, id := range ids {
		p.Versions[i] = 1
		if v, ok := f.versions[id]; ok {
			p.Versions[i] = v
		}
	}
	return p, nil
}

func (f *fakeShard) SelectIDs(ctx context.Context, _ api.Query, limit int) ([]string, error) {
	if f.selectHook != nil {
		if err := f.selectHook(ctx); err != nil {
			return nil, err
		}
	}
	if len(f.selects) > limit {
		return nil, dense.ErrFilterUnsupported
	}
	return f.selects, nil
}

func (f *fakeShard) Position(context.Context) (Position, error) { return Position{}, nil }

// fakeTerms gives the same terms for every query.
type fakeTerms []sparse.TermKey

func (f fakeTerms) Terms(api.Query) ([]sparse.TermKey, error) { return f, nil }

// fakeEmbedder gives one vector, after the hook.
type fakeEmbedder struct {
	dims int
	// zero makes it give vectors without a direction.
	zero bool
	// models are those it was asked for.
	models []string
	hook   func(context.Context) error
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
		if !f.zero {
			out[i][0] = 1
		}
	}
	return out, nil
}

// For gives the fake for every model but "none".
func (f *fakeEmbedder) For(model string) (embedclient.Embedder, error) {
	f.models = append(f.models, model)
	if model == "none" {
		return nil, embedclient.ErrNoService
	}
	return f, nil
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
	cfg.Embedders, cfg.Registry, cfg.Logger = f.embedder, f.registry, slog.New(slog.DiscardHandler)
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
