package query

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/sparse"
)

// watchedShard notes which filters it is asked with, and has documents of a tenant.
type watchedShard struct {
	*fakeShard
	tenant string

	mu      sync.Mutex
	filters []api.Query
}

func (w *watchedShard) note(q api.Query) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filters = append(w.filters, q)
}

func (w *watchedShard) SearchSparse(ctx context.Context, req sparse.Request, want []sparse.TermKey) (
	sparse.TopDocs, sparse.Statistics, error,
) {
	w.note(req.Filter)
	return w.fakeShard.SearchSparse(ctx, req, want)
}

func (w *watchedShard) SearchDense(ctx context.Context, req DenseRequest) (DenseResult, error) {
	w.note(req.Filter)
	return w.fakeShard.SearchDense(ctx, req)
}

func (w *watchedShard) SelectIDs(ctx context.Context, q api.Query, limit int) ([]string, error) {
	w.note(q)
	return w.fakeShard.SelectIDs(ctx, q, limit)
}

func (w *watchedShard) Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error) {
	stored, err := w.fakeShard.Fetch(ctx, ids)
	for i := range stored {
		stored[i].Source = []byte(`{"tenant":"` + w.tenant + `"}`)
	}
	return stored, err
}

func TestOnly(t *testing.T) {
	only := &api.Term{Field: "tenant", Value: api.Scalar{Type: api.TypeKeyword, Str: "red"}, Boost: 1}
	filter := &api.Exists{Field: "tenant", Boost: 1}
	both := &api.Bool{Filter: []api.Query{filter, only}, Boost: 1}
	schema := &api.Schema{
		Fields: map[string]api.Field{"title": {Type: api.TypeText}, "tenant": {Type: api.TypeKeyword}},
		Dense:  &api.DenseConfig{Dims: 3},
	}
	ask := func(t *testing.T, f *fixture) *api.SearchResponse {
		t.Helper()
		req, err := api.ParseSearchRequest(schema, []byte(`{"query":"x","vector":[1,2,3],"mode":"hybrid"}`))
		require.NoError(t, err)
		req.Filter, req.Only = filter, only
		r, err := f.searcher.Search(context.Background(), f.target, req)
		require.NoError(t, err)
		return r
	}
	t.Run("both legs of every shard are asked with it", func(t *testing.T) {
		f := newFixture(t)
		shard := &watchedShard{fakeShard: f.shard, tenant: "red"}
		f.target.Shards, f.target.Schema = []Shard{shard}, schema
		require.NotEmpty(t, ask(t, f).Hits)
		require.Equal(t, []api.Query{both, both}, shard.filters)
	})
	t.Run("what became another's since is no hit", func(t *testing.T) {
		f := newFixture(t)
		f.target.Shards, f.target.Schema = []Shard{&watchedShard{fakeShard: f.shard, tenant: "blue"}}, schema
		require.Empty(t, ask(t, f).Hits)
	})
	t.Run("the server of vectors is asked with it, and the shards where it can't filter", func(t *testing.T) {
		f, v, shards := withVectors(t)
		one := &watchedShard{fakeShard: shards[0], tenant: "red"}
		two := &watchedShard{fakeShard: shards[1], tenant: "red"}
		shards[0].selects = []string{"p1"}
		f.target.Shards, f.target.Schema = []Shard{one, two}, schema
		f.target.Terms = fakeTerms{}
		r := ask(t, f)
		require.Equal(t, both, v.filters[0])
		require.Equal(t, &api.IDs{Values: []string{"p1"}, Boost: 1}, v.filters[1])
		for _, shard := range []*watchedShard{one, two} {
			require.Equal(t, []api.Query{both, both}, shard.filters, "the sparse leg, and the ids")
		}
		require.NotEmpty(t, r.Hits)
	})
	t.Run("a search that panicked is refused to its own callers", func(t *testing.T) {
		a, err := api.ParseSearchRequest(schema, []byte(`{"query":"x"}`))
		require.NoError(t, err)
		b := *a
		b.Only = only
		s := newSuspects()
		for range panicsAllowed {
			s.record("papers", a)
		}
		require.True(t, s.refused("papers", a))
		require.False(t, s.refused("papers", &b))
	})
}
