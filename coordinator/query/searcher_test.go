package query

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

func TestSearch(t *testing.T) {
	t.Run("hybrid fuses both legs", func(t *testing.T) {
		r, err := newFixture(t).search(t, `{"query":"x","explain":true}`)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "a", "d", "c"}, ids(r))
		b := r.Hits[0]
		require.InDelta(t, 1.0/62+1.0/61, b.Score, 1e-12)
		require.Equal(t, &api.LegShare{Rank: 2, Score: 2, Share: 1.0 / 62}, b.Legs.Sparse)
		require.Equal(t, 1, b.Legs.Dense.Rank)
		require.Nil(t, r.Hits[1].Legs.Dense)
		require.Equal(t, api.Total{Value: 7, Relation: "eq", Scope: "sparse"}, r.Total)
		require.Equal(t, api.Fusion{Method: "rrf", K: 60, Window: 100, Weights: api.Weights{Sparse: 1, Dense: 1}}, r.Fusion)
		require.Empty(t, r.Degraded)
		require.NotNil(t, r.Degraded)
		require.JSONEq(t, `{"of":"b"}`, string(b.Source))
	})
	t.Run("relative score", func(t *testing.T) {
		r, err := newFixture(t).search(t, `{"query":"x","fusion":{"method":"relative_score"}}`)
		require.NoError(t, err)
		require.Equal(t, "b", r.Hits[0].ID)
	})
	t.Run("sparse keeps the scores of the leg", func(t *testing.T) {
		r, err := newFixture(t).search(t, `{"query":"x","mode":"sparse","from":1,"size":1,"explain":true}`)
		require.NoError(t, err)
		require.Equal(t, []string{"b"}, ids(r))
		require.Equal(t, api.LegShare{Rank: 2, Score: 2, Share: 2}, *r.Hits[0].Legs.Sparse)
		require.Equal(t, 2.0, r.Hits[0].Score)
	})
	t.Run("dense by a text and by a vector", func(t *testing.T) {
		f := newFixture(t)
		for _, body := range []string{`{"query":"x","mode":"dense"}`, `{"vector":[1,2,3]}`} {
			r, err := f.search(t, body)
			require.NoError(t, err)
			require.Equal(t, []string{"b", "d"}, ids(r))
			require.Equal(t, api.Total{Value: 2, Relation: "gte", Scope: "dense"}, r.Total)
		}
	})
	t.Run("size 0 only counts", func(t *testing.T) {
		f := newFixture(t)
		f.embedder.hook = fail(embedclient.ErrUnavailable)
		r, err := f.search(t, `{"query":"x","size":0}`)
		require.NoError(t, err)
		require.Empty(t, r.Hits)
		require.Equal(t, 7, r.Total.Value)
		require.Empty(t, r.Degraded)
	})
	for up, want := range map[string]api.Total{
		"true":  {Value: 7, Relation: "eq", Scope: "sparse"},
		"8":     {Value: 7, Relation: "eq", Scope: "sparse"},
		"7":     {Value: 7, Relation: "gte", Scope: "sparse"},
		"3":     {Value: 3, Relation: "gte", Scope: "sparse"},
		"false": {Value: 7, Relation: "gte", Scope: "sparse"},
	} {
		t.Run("a total up to "+up, func(t *testing.T) {
			r, err := newFixture(t).search(t, `{"query":"x","mode":"sparse","track_total_hits":`+up+`}`)
			require.NoError(t, err)
			require.Equal(t, want, r.Total)
		})
	}
	t.Run("a page past the end is empty", func(t *testing.T) {
		r, err := newFixture(t).search(t, `{"query":"x","from":50}`)
		require.NoError(t, err)
		require.Empty(t, r.Hits)
	})
	t.Run("a page is refilled when documents are gone", func(t *testing.T) {
		f := newFixture(t)
		f.shard.gone = map[string]bool{"b": true, "d": true}
		r, err := f.search(t, `{"query":"x","size":2}`)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "c"}, ids(r))
	})
}

func TestSeveralShards(t *testing.T) {
	two := func(t *testing.T) (*fixture, *fakeShard) {
		f := newFixture(t)
		other := &fakeShard{
			lexical: []sparse.Hit{{ID: "A", Score: 3}, {ID: "e", Score: 1.5}}, total: 2,
			near: []dense.Hit{{ID: "e", Score: 0.85}}, lag: 1,
		}
		f.target.Shards = append(f.target.Shards, other)
		return f, other
	}
	t.Run("hits merge by score and id", func(t *testing.T) {
		f, _ := two(t)
		r, err := f.search(t, `{"query":"x","mode":"sparse"}`)
		require.NoError(t, err)
		require.Equal(t, []string{"A", "a", "b", "e", "c"}, ids(r))
		require.Equal(t, 9, r.Total.Value)
		r, err = f.search(t, `{"query":"x","mode":"dense"}`)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "e", "d"}, ids(r))
		require.Equal(t, api.ReasonDenseLagging, r.Degraded[0].Reason)
		n, err := f.searcher.Count(t.Context(), f.target, nil)
		require.NoError(t, err)
		require.Equal(t, 9, n)
	})
	t.Run("a lost shard is named", func(t *testing.T) {
		f, other := two(t)
		other.sparseHook = fail(api.ErrUnavailable)
		r, err := f.search(t, `{"query":"x","mode":"sparse"}`)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b", "c"}, ids(r))
		require.Equal(t, []api.Degraded{{Leg: "sparse", Reason: "shard_unavailable", Detail: "shard 2 of 2"}}, r.Degraded)
		require.Equal(t, api.Total{Value: 7, Relation: "gte", Scope: "sparse"}, r.Total)
	})
}

// TestDegraded has a row for each way in which an answer can lack something. All clocks are virtual.
func TestDegraded(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(f *fixture)
		leg    string
		reason api.Reason
	}{
		{"no embedding service", func(f *fixture) { f.searcher.cfg.Embedders = nil }, "dense", "embedding_unavailable"},
		{"embedding service down", embedFails(embedclient.ErrUnavailable), "dense", "embedding_unavailable"},
		{"embedding service slow", embedFails(embedclient.ErrTimeout), "dense", "embedding_timeout"},
		{"embedding refused", embedFails(embedclient.ErrRejected), "dense", "embedding_unavailable"},
		{"embedding unusable", embedFails(embedclient.ErrBadResponse), "dense", "embedding_unavailable"},
		{"embedding of other dimensions", func(f *fixture) { f.embedder.dims = 4 }, "dense", "embedding_unavailable"},
		{"embedding without a direction", func(f *fixture) { f.embedder.zero = true }, "dense", "embedding_unavailable"},
		{"embedding hangs", func(f *fixture) { f.embedder.hook = hang }, "dense", "embedding_timeout"},
		{"dense index down", denseFails(dense.ErrUnavailable), "dense", "milvus_unavailable"},
		{"dense index slow", denseFails(dense.ErrTimeout), "dense", "milvus_timeout"},
		{"dense index lies", denseFails(dense.ErrIncomplete), "dense", "milvus_incomplete"},
		{"dense index can't filter", denseFails(dense.ErrFilterUnsupported), "dense", "milvus_incomplete"},
		{"dense index of other dimensions", denseFails(dense.ErrDimension), "dense", "milvus_unavailable"},
		{"dense index hangs", func(f *fixture) { f.shard.denseHook = hang }, "dense", "milvus_timeout"},
		{"dense leg overloaded", denseFails(api.ErrOverloaded), "dense", "overload"},
		{"dense leg lags", func(f *fixture) { f.shard.lag = 3 }, "dense", "dense_lagging"},
		{"dense leg panics", func(f *fixture) { f.shard.denseHook = explode }, "dense", "shard_unavailable"},
		{"sparse shard down", sparseFails(api.ErrUnavailable), "sparse", "shard_unavailable"},
		{"sparse shard fails", sparseFails(errors.New("disk")), "sparse", "shard_unavailable"},
		{"sparse shard slow", sparseFails(context.DeadlineExceeded), "sparse", "shard_timeout"},
		{"sparse shard overloaded", sparseFails(api.ErrOverloaded), "sparse", "overload"},
		{"sparse shard panics", func(f *fixture) { f.shard.sparseHook = explode }, "sparse", "shard_unavailable"},
		{"sparse shard hangs", func(f *fixture) { f.shard.sparseHook = hang }, "sparse", "deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				c.breaks(f)
				start := time.Now()
				r, err := f.search(t, `{"query":"x","timeout":"500ms"}`)
				require.NoError(t, err)
				require.Less(t, time.Since(start), 500*time.Millisecond)
				require.NotEmpty(t, r.Hits)
				require.Len(t, r.Degraded, 1)
				require.Equal(t, c.leg, r.Degraded[0].Leg)
				require.Equal(t, c.reason, r.Degraded[0].Reason)
				counter := f.searcher.metrics.degraded.WithLabelValues(c.leg, string(c.reason))
				require.Equal(t, 1.0, counted(t, counter))

				_, err = f.search(t, `{"query":"other","timeout":"500ms","allow_partial":false}`)
				var p *api.Problem
				require.ErrorAs(t, err, &p)
				require.Contains(t, p.Detail, fmt.Sprintf("leg %s: %s", c.leg, c.reason))
				require.Contains(t, []int{503, 504}, p.Status)
			})
		})
	}
}

func embedFails(err error) func(*fixture) { return func(f *fixture) { f.embedder.hook = fail(err) } }

func denseFails(err error) func(*fixture) { return func(f *fixture) { f.shard.denseHook = fail(err) } }

func sparseFails(err error) func(*fixture) {
	return func(f *fixture) { f.shard.sparseHook = fail(err) }
}

func explode(context.Context) error { panic("broken shard") }

func TestNothingLeft(t *testing.T) {
	status := func(t *testing.T, f *fixture, body string) (int, string) {
		_, err := f.search(t, body)
		var p *api.Problem
		require.ErrorAs(t, err, &p)
		return p.Status, p.Detail
	}
	t.Run("dense without embedding", func(t *testing.T) {
		f := newFixture(t)
		embedFails(embedclient.ErrUnavailable)(f)
		code, detail := status(t, f, `{"query":"x","mode":"dense"}`)
		require.Equal(t, 503, code)
		require.Contains(t, detail, "leg dense: embedding_unavailable")
	})
	t.Run("all late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.shard.sparseHook, f.embedder.hook = hang, hang
			code, _ := status(t, f, `{"query":"x"}`)
			require.Equal(t, 504, code)
		})
	})
	t.Run("documents can't be fetched", func(t *testing.T) {
		f := newFixture(t)
		f.shard.fetchHook = fail(errors.New("disk"))
		code, detail := status(t, f, `{"query":"x"}`)
		require.Equal(t, 503, code)
		require.Contains(t, detail, "while fetching")
	})
	t.Run("a query that does not fit", func(t *testing.T) {
		f := newFixture(t)
		sparseFails(fmt.Errorf("%w: more than 1024 terms", sparse.ErrQuery))(f)
		code, detail := status(t, f, `{"query":"x"}`)
		require.Equal(t, 400, code)
		require.Contains(t, detail, "1024 terms")
	})
	t.Run("the client left", func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req, err := api.ParseSearchRequest(f.target.Schema, []byte(`{"query":"x"}`))
		require.NoError(t, err)
		_, err = f.searcher.Search(ctx, f.target, req)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestAShardThatIgnoresItsContextIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		release := make(chan struct{})
		f.shard.denseHook = func(context.Context) error {
			<-release
			return nil
		}
		r, err := f.search(t, `{"query":"x","timeout":"100ms"}`)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b", "c"}, ids(r))
		require.Equal(t, api.ReasonMilvusTimeout, r.Degraded[0].Reason)
		close(release)
	})
}

func TestAQueryThatPanicsIsRefused(t *testing.T) {
	f := newFixture(t)
	f.shard.sparseHook = explode
	for range 2 {
		r, err := f.search(t, `{"query":"x"}`)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "d"}, ids(r))
	}
	_, err := f.search(t, `{"query":"x"}`)
	var p *api.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, 422, p.Status)
	_, err = f.search(t, `{"query":"y"}`)
	require.NoError(t, err)
	require.Equal(t, 3.0, counted(t, f.searcher.metrics.panics))
}

func TestSuspectsAreBounded(t *testing.T) {
	s := newSuspects()
	for i := range 2 * maxSuspects {
		s.record("papers", &api.SearchRequest{From: i})
	}
	require.Len(t, s.panics, maxSuspects)
}

func TestConfig(t *testing.T) {
	_, err := New(Default())
	require.ErrorIs(t, err, ErrConfig)
}

func BenchmarkSearch(b *testing.B) {
	f := newFixture(&testing.T{})
	req, err := api.ParseSearchRequest(f.target.Schema, []byte(`{"query":"x"}`))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.searcher.Search(b.Context(), f.target, req); err != nil {
			b.Fatal(err)
		}
	}
}
