package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
)

// fakeVectors are all vectors of an index, best first; a hook, if set, decides instead.
type fakeVectors struct {
	hits []dense.Hit
	// filters and asked are what it was called with. Any filter but api.IDs is not supported.
	filters []api.Query
	asked   []int
	hook    func(context.Context) error
}

func (f *fakeVectors) Search(ctx context.Context, q dense.Query) ([]dense.Hit, error) {
	f.asked, f.filters = append(f.asked, q.K), append(f.filters, q.Filter)
	if f.hook != nil {
		if err := f.hook(ctx); err != nil {
			return nil, err
		}
	}
	hits := f.hits
	switch filter := q.Filter.(type) {
	case nil:
	case *api.IDs:
		hits = slices.DeleteFunc(slices.Clone(hits), func(h dense.Hit) bool { return !slices.Contains(filter.Values, h.ID) })
	default:
		return nil, dense.ErrFilterUnsupported
	}
	return hits[:min(q.K, len(hits))], nil
}

// withVectors is a fixture of two shards, whose documents are told apart by the id's first letter, with vectors of
// their own place.
func withVectors(t *testing.T) (*fixture, *fakeVectors, [2]*fakeShard) {
	f := newFixture(t)
	f.target.Schema.Dense.Generation = 3
	other := &fakeShard{lexical: f.shard.lexical[:0]}
	v := &fakeVectors{hits: []dense.Hit{
		{ID: "p1", Version: 1, Score: 0.9}, {ID: "q1", Version: 1, Score: 0.8}, {ID: "p2", Version: 1, Score: 0.7},
	}}
	f.target.Shards = []Shard{f.shard, other}
	f.target.Owner = func(id string) int { return int(id[0] - 'p') }
	f.target.Vectors = v
	return f, v, [2]*fakeShard{f.shard, other}
}

func TestVectorsOfAllShards(t *testing.T) {
	const near = `{"vector":[1,2,3]}`
	t.Run("one question, each hit held against its shard", func(t *testing.T) {
		f, v, shards := withVectors(t)
		r, err := f.search(t, near)
		require.NoError(t, err)
		require.Equal(t, []string{"p1", "q1", "p2"}, ids(r))
		require.Empty(t, r.Degraded)
		require.Len(t, v.asked, 1)
		require.Equal(t, int32(1), shards[0].asked.Load())
		require.Equal(t, int32(1), shards[1].asked.Load())
	})
	t.Run("replaced and deleted documents are no hits", func(t *testing.T) {
		f, _, shards := withVectors(t)
		shards[0].versions = map[string]uint64{"p1": 2}
		shards[1].versions = map[string]uint64{"q1": 0}
		r, err := f.search(t, near)
		require.NoError(t, err)
		require.Equal(t, []string{"p2"}, ids(r))
		require.Empty(t, r.Degraded)
	})
	t.Run("more are asked for when too few are left", func(t *testing.T) {
		f, v, shards := withVectors(t)
		v.hits, shards[0].versions = nil, map[string]uint64{}
		for i := range 1000 {
			id := fmt.Sprintf("p%03d", i)
			v.hits = append(v.hits, dense.Hit{ID: id, Version: 1, Score: 1 - float32(i)/1000})
			if i < 400 {
				shards[0].versions[id] = 2
			}
		}
		r, err := f.search(t, `{"vector":[1,2,3],"size":2}`)
		require.NoError(t, err)
		require.Equal(t, []string{"p400", "p401"}, ids(r))
		require.Equal(t, []int{144, 288, 576}, v.asked)
	})
	t.Run("what waits is added up", func(t *testing.T) {
		f, _, shards := withVectors(t)
		shards[0].lag, shards[1].lag = 2, 3
		r, err := f.search(t, near)
		require.NoError(t, err)
		require.Equal(t, []api.Degraded{
			{Leg: "dense", Reason: "dense_lagging", Detail: "5 documents wait for their vectors"},
		}, r.Degraded)
	})
	t.Run("hits of a shard that does not answer are left out and told", func(t *testing.T) {
		f, _, shards := withVectors(t)
		shards[1].currentHook = fail(api.ErrUnavailable)
		r, err := f.search(t, near)
		require.NoError(t, err)
		require.Equal(t, []string{"p1", "p2"}, ids(r))
		require.Equal(t, []api.Degraded{{Leg: "dense", Reason: "shard_unavailable", Detail: "shard 2 of 2"}}, r.Degraded)
		shards[0].currentHook = fail(api.ErrUnavailable)
		_, err = f.search(t, near)
		require.ErrorContains(t, err, "no leg answered")
	})
	t.Run("failures of the server are told", func(t *testing.T) {
		for _, c := range []struct {
			err    error
			reason string
		}{
			{dense.ErrUnavailable, "milvus_unavailable"},
			{dense.ErrTimeout, "milvus_timeout"},
			{dense.ErrIncomplete, "milvus_incomplete"},
			{dense.ErrFilterUnsupported, "milvus_incomplete"},
		} {
			f, v, _ := withVectors(t)
			v.hook = fail(c.err)
			r, err := f.search(t, `{"query":"x"}`)
			require.NoError(t, err)
			require.Len(t, r.Degraded, 1)
			require.Equal(t, c.reason, string(r.Degraded[0].Reason))
			require.Equal(t, []string{"a", "b", "c"}, ids(r))
		}
	})
	t.Run("a server that hangs is not waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, v, _ := withVectors(t)
			v.hook = hang
			r, err := f.search(t, `{"query":"x"}`)
			require.NoError(t, err)
			require.Equal(t, "milvus_timeout", string(r.Degraded[0].Reason))
			require.Len(t, r.Hits, 3)
		})
	})
	t.Run("a filter that only shards understand", func(t *testing.T) {
		f, v, shards := withVectors(t)
		shards[0].selects, shards[1].selects = []string{"p2"}, []string{"q1", "q2"}
		r, err := f.search(t, `{"vector":[1,2,3],"filter":{"match":{"title":"x"}}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"q1", "p2"}, ids(r))
		require.Equal(t, &api.IDs{Values: []string{"p2", "q1", "q2"}, Boost: 1}, v.filters[1])

		shards[1].selectHook = fail(api.ErrUnavailable)
		r, err = f.search(t, `{"vector":[1,2,3],"filter":{"match":{"title":"x"}}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"p2"}, ids(r))
		require.Equal(t, "shard_unavailable", string(r.Degraded[0].Reason))

		shards[0].selects, shards[1].selectHook, shards[1].selects = nil, nil, nil
		r, err = f.search(t, `{"vector":[1,2,3],"filter":{"match":{"title":"x"}}}`)
		require.NoError(t, err)
		require.Empty(t, r.Hits)
		require.Empty(t, r.Degraded)

		shards[0].selects = make([]string, maxFilterIDs+1)
		_, err = f.search(t, `{"vector":[1,2,3],"filter":{"match":{"title":"x"}}}`)
		require.ErrorContains(t, err, "milvus_incomplete (the dense leg can't apply the filter)")
	})
}

func TestModelOfTheGeneration(t *testing.T) {
	f, _, _ := withVectors(t)
	f.target.Schema.Dense.Model = "e5"
	_, err := f.search(t, `{"query":"x"}`)
	require.NoError(t, err)
	require.Equal(t, []string{"e5"}, f.embedder.models)

	t.Run("a model without a service is told", func(t *testing.T) {
		f.target.Schema.Dense.Model = "none"
		r, err := f.search(t, `{"query":"x"}`)
		require.NoError(t, err)
		require.Equal(t, "embedding_unavailable", string(r.Degraded[0].Reason))
		require.Contains(t, r.Degraded[0].Detail, "no embedding service")
	})
	t.Run("a vector of the generation before is refused", func(t *testing.T) {
		old := *f.target.Schema
		req, err := api.ParseSearchRequest(&old, []byte(`{"vector":[1,2,3]}`))
		require.NoError(t, err)
		f.target.Schema.Dense = &api.DenseConfig{Dims: 4, Generation: 4, Model: "large"}
		_, err = f.searcher.Search(t.Context(), f.target, req)
		var p *api.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 400, p.Status)
		require.Equal(t, `vector: has 3 dimensions, the index has 4 (generation 4, model "large")`, p.Error())
	})
}

func TestVectorsProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, v, shards := withVectors(t)
		v.hits = nil
		for i := range 2 {
			shards[i].versions = map[string]uint64{}
		}
		var want []string
		for i := range rapid.IntRange(0, 400).Draw(rt, "vectors") {
			owner := rapid.IntRange(0, 1).Draw(rt, "owner")
			id := fmt.Sprintf("%c%d", 'p'+owner, i)
			version := uint64(rapid.IntRange(1, 2).Draw(rt, "version"))
			shards[owner].versions[id] = uint64(rapid.IntRange(0, 2).Draw(rt, "present"))
			v.hits = append(v.hits, dense.Hit{ID: id, Version: version, Score: float32(rapid.IntRange(0, 50).Draw(rt, "score"))})
		}
		slices.SortStableFunc(v.hits, func(a, b dense.Hit) int {
			if a.Score != b.Score {
				return cmp.Compare(b.Score, a.Score)
			}
			return cmp.Compare(a.ID, b.ID)
		})
		for _, h := range v.hits {
			if shards[h.ID[0]-'p'].versions[h.ID] == h.Version {
				want = append(want, h.ID)
			}
		}
		size := rapid.IntRange(1, 20).Draw(rt, "size")
		r, err := f.search(t, fmt.Sprintf(`{"vector":[1,2,3],"size":%d}`, size))
		require.NoError(rt, err)
		require.Equal(rt, append([]string{}, want[:min(size, len(want))]...), ids(r))
	})
}
