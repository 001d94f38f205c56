package flat

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
)

func TestLimit(t *testing.T) {
	cfg := testConfig(t, 2)
	cfg.Limit = 3
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	ctx := context.Background()
	vs := func(ids ...string) []dense.Vector {
		var out []dense.Vector
		for _, id := range ids {
			out = append(out, dense.Vector{ID: id, Version: 1, Values: []float32{1, 1}})
		}
		return out
	}
	require.NoError(t, x.Upsert(ctx, vs("a", "b", "a")))
	err := x.Upsert(ctx, vs("c", "d"))
	require.ErrorIs(t, err, dense.ErrFull)
	require.ErrorContains(t, err, "limit is 3")
	count, err := x.Count(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, count)
	require.NoError(t, x.Upsert(ctx, vs("a", "b", "c", "c")))
}

func TestConfigValidate(t *testing.T) {
	good := testConfig(t, 2)
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*Config){
		"FS": func(c *Config) { c.FS = nil }, "Dir": func(c *Config) { c.Dir = "" },
		"Dims": func(c *Config) { c.Dims = 0 }, "Limit": func(c *Config) { c.Limit = 0 },
	} {
		bad := good
		spoil(&bad)
		_, err := Open(bad)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, name)
	}
}

// TestConcurrent searches and flushes while vectors are replaced: each search must see whole batches.
func TestConcurrent(t *testing.T) {
	const ids, rounds = 300, 100
	cfg := testConfig(t, 8)
	x, err := Open(cfg)
	require.NoError(t, err)
	ctx, rng := context.Background(), rand.New(rand.NewPCG(1, 1))
	put := func(round int) {
		vs := clustered(rng, ids, 8)
		for i := range vs {
			vs[i].Version = uint64(round)
			vs[i].Attributes = []api.Value{{Field: "n", Ints: []int64{int64(round % 2)}}}
		}
		require.NoError(t, x.Apply(uint64(round), vs, nil))
	}
	put(1)
	done := make(chan struct{})
	var running sync.WaitGroup
	for w := range 2 {
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				q := dense.Query{Vector: []float32{1, 2, 3, 4, 5, 6, 7, 8}, K: 1000}
				if w == 1 {
					q.Filter = &api.Term{Field: "n", Value: api.Scalar{Type: api.TypeInt, Int: 1}}
				}
				hits, err := x.Search(ctx, q)
				if err != nil || len(hits) != ids && (w == 0 || len(hits) != 0) || !sameVersion(hits) {
					t.Errorf("search: %v, %d hits", err, len(hits))
					return
				}
			}
		})
	}
	for round := 2; round < rounds; round++ {
		put(round)
		if round%10 == 0 {
			_, err := x.Flush(ctx)
			require.NoError(t, err)
		}
	}
	close(done)
	running.Wait()
	require.NoError(t, x.Close())
}

func sameVersion(hits []dense.Hit) bool {
	for _, h := range hits {
		if h.Version != hits[0].Version {
			return false
		}
	}
	return true
}

func TestFilterCache(t *testing.T) {
	c := newFilterCache()
	term := func(n int) api.Query {
		return &api.Term{Field: "n", Value: api.Scalar{Type: api.TypeInt, Int: int64(n)}, Boost: float64(n)}
	}
	first := c.get(term(1))
	require.Same(t, first, c.get(&api.Term{Field: "n", Value: api.Scalar{Type: api.TypeInt, Int: 1}, Boost: 7}))
	for n := range 10 * cachedFilters {
		c.get(term(n))
		require.Same(t, first, c.get(term(1)))
	}
	require.Len(t, c.entries, cachedFilters)
	require.Len(t, c.order, cachedFilters)
	ids := &api.IDs{}
	for n := range maxCachedFilter {
		ids.Values = append(ids.Values, fmt.Sprint(n))
	}
	require.NotSame(t, c.get(ids), c.get(ids))
}

func TestCanonical(t *testing.T) {
	one, two := 1, 2
	s := func(n int64) *api.Scalar { return &api.Scalar{Type: api.TypeInt, Int: n} }
	a, b := &api.Exists{Field: "a"}, &api.Exists{Field: "b"}
	seen := map[string]int{}
	for i, q := range []api.Query{
		&api.MatchAll{}, a, b, &api.Prefix{Field: "a", Value: ""}, &api.Prefix{Field: "a", Value: "b"},
		&api.IDs{Values: []string{"a", "b"}}, &api.IDs{Values: []string{"ab"}}, &api.IDs{},
		&api.Range{Field: "a", GT: s(1)}, &api.Range{Field: "a", GTE: s(1)}, &api.Range{Field: "a", LT: s(1)},
		&api.Term{Field: "a", Value: *s(1)}, &api.Terms{Field: "a", Values: []api.Scalar{*s(1)}},
		&api.Terms{Field: "a", Values: []api.Scalar{*s(1), *s(2)}},
		&api.Bool{Must: []api.Query{a, b}}, &api.Bool{Must: []api.Query{b, a}}, &api.Bool{MustNot: []api.Query{a, b}},
		&api.Bool{Should: []api.Query{a, b}}, &api.Bool{Should: []api.Query{a, b}, MinimumShould: &two},
		&api.Bool{Must: []api.Query{a}, Filter: []api.Query{b}}, &api.Bool{Must: []api.Query{a}, Should: []api.Query{b}},
		&api.Bool{Must: []api.Query{a}, Should: []api.Query{b}, MinimumShould: &one},
	} {
		key := string(canonical(nil, q))
		old, ok := seen[key]
		require.False(t, ok, "filters %d and %d have the same form", old, i)
		seen[key] = i
	}
}

func TestGet(t *testing.T) {
	x := openTest(t, testConfig(t, 2))
	defer func() { require.NoError(t, x.Close()) }()
	vs := []dense.Vector{
		{ID: "a", Version: 3, Slot: 7, Digest: [16]byte{1, 2}, Values: []float32{3, 4}},
		{ID: "b", Version: 4, Slot: 4095, Values: []float32{0, 2}, Attributes: []api.Value{{Field: "n", Ints: []int64{1}}}},
	}
	require.NoError(t, x.Apply(1, vs, nil))
	vs[0].Values, vs[1].Values = []float32{0.6, 0.8}, []float32{0, 1}
	got, err := x.Get([]string{"b", "missing", "a", "b"})
	require.NoError(t, err)
	require.Equal(t, []dense.Vector{vs[1], vs[0], vs[1]}, got)
	version, digest, ok := x.Stat("a")
	require.Equal(t, uint64(3), version)
	require.Equal(t, [16]byte{1, 2}, digest)
	require.True(t, ok)
	require.NoError(t, x.Apply(2, nil, []dense.Key{{ID: "a", Version: 3}}))
	_, _, ok = x.Stat("a")
	require.False(t, ok)
	got, err = x.Get([]string{"a"})
	require.NoError(t, err)
	require.Empty(t, got)
}
