package milvus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
)

func TestKeys(t *testing.T) {
	t.Run("keys are read as they were written", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			id := rapid.StringMatching("[\x00-\x02@a東]{1,6}").Draw(t, "id")
			version := rapid.Int64Range(0, math.MaxInt64).Draw(t, "version")
			key := rowKey(id, version)
			require.NotContains(t, key, "\x00")
			got, err := parseKey(key)
			require.NoError(t, err)
			require.Equal(t, dense.Key{ID: id, Version: uint64(version)}, got)
			require.LessOrEqual(t, len(storedID(id)), 2*len(id))
		})
	})
	t.Run("what is no key is refused", func(t *testing.T) {
		for _, bad := range []string{
			"", "a", "@0000000000000001", "a#0000000000000001", "a@000000000000000g", "a@ffffffffffffffff", "a@+000000000000001",
		} {
			_, err := parseKey(bad)
			require.ErrorIs(t, err, dense.ErrIncomplete, bad)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(rowKey("a\x00b\x01", 7))
	f.Add("a@0")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseKey(text)
		if err != nil {
			require.ErrorIs(t, err, dense.ErrIncomplete)
			return
		}
		again, err := parseKey(rowKey(key.ID, int64(key.Version)))
		require.NoError(t, err)
		require.Equal(t, key, again)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	x := testCollection(t, connectTest(t), api.DenseConfig{Dims: 3})
	defer func() { require.NoError(t, x.Close()) }()
	put := func(v dense.Vector) error {
		v.Values = []float32{1, 2, 3}
		return x.Upsert(ctx, []dense.Vector{v})
	}
	search := func(filter api.Query) ([]dense.Hit, error) {
		return x.Search(ctx, dense.Query{Vector: []float32{1, 2, 3}, K: 10, Filter: filter})
	}
	t.Run("bad ids are refused", func(t *testing.T) {
		for _, id := range []string{"", strings.Repeat("x", api.MaxIDBytes+1), "\xff"} {
			require.ErrorIs(t, put(dense.Vector{ID: id}), ErrID)
			require.NoError(t, x.Delete(ctx, []dense.Key{{ID: id, Version: math.MaxUint64}}))
		}
	})
	t.Run("filters by bad ids select nothing", func(t *testing.T) {
		hits, err := search(&api.IDs{Values: []string{"", "\xff", strings.Repeat("x", api.MaxIDBytes+1)}})
		require.NoError(t, err)
		require.Empty(t, hits)
	})
	t.Run("the longest ids are kept", func(t *testing.T) {
		for _, id := range []string{
			strings.Repeat("東", api.MaxIDBytes/3) + `"\`, strings.Repeat("\x00", api.MaxIDBytes),
		} {
			require.NoError(t, put(dense.Vector{ID: id, Version: math.MaxInt64}))
			hits, err := search(&api.IDs{Values: []string{id}})
			require.NoError(t, err)
			require.Len(t, hits, 1)
			require.Equal(t, id, hits[0].ID)
			require.Equal(t, uint64(math.MaxInt64), hits[0].Version)
			require.NoError(t, x.Delete(ctx, []dense.Key{{ID: id, Version: math.MaxUint64}}))
		}
	})
	t.Run("too large attributes, versions and slots are refused", func(t *testing.T) {
		require.ErrorIs(t, put(dense.Vector{ID: "a", Version: math.MaxUint64}), dense.ErrTooLarge)
		require.ErrorIs(t, put(dense.Vector{ID: "a", Slot: api.Slots}), dense.ErrTooLarge)
		values := api.Value{Field: "tag"}
		for i := range 10 {
			values.Strings = append(values.Strings, strings.Repeat(fmt.Sprint(i), 4000))
		}
		err := put(dense.Vector{ID: "big", Attributes: []api.Value{values}})
		require.ErrorIs(t, err, dense.ErrTooLarge)
		require.ErrorContains(t, err, `"big"`)
	})
	t.Run("intervals are left to the caller while a document has many values", func(t *testing.T) {
		low, high := api.Scalar{Type: api.TypeInt, Int: 4}, api.Scalar{Type: api.TypeInt, Int: 5}
		interval := &api.Range{Field: "n", GTE: &low, LTE: &high}
		for width := 1; width <= maxSlots; width++ {
			// The one in the interval is neither the greatest nor the least, if there are three.
			value := api.Value{Field: "n"}
			for i := range width {
				value.Ints = append(value.Ints, []int64{4, 1000, 0, 900, 800, 700, 600, 500}[i])
			}
			require.NoError(t, put(dense.Vector{ID: "a", Version: 1, Attributes: []api.Value{value}}))
			hits, err := search(interval)
			require.NoError(t, err)
			require.Len(t, hits, 1, width)
		}
		many := api.Value{Field: "n"}
		for i := range int64(maxSlots + 1) {
			many.Ints = append(many.Ints, i)
		}
		require.NoError(t, put(dense.Vector{ID: "a", Version: 1, Attributes: []api.Value{many}}))
		_, err := search(&api.Bool{MustNot: []api.Query{interval}})
		require.ErrorIs(t, err, dense.ErrFilterUnsupported)
		for _, q := range []api.Query{
			&api.Range{Field: "n", GT: &low}, &api.Range{Field: "n", LT: &high}, &api.Term{Field: "n", Value: low},
		} {
			hits, err := search(q)
			require.NoError(t, err)
			require.Len(t, hits, 1)
		}
		require.NoError(t, x.Delete(ctx, []dense.Key{{ID: "a", Version: 1}}))
		hits, err := search(interval)
		require.NoError(t, err)
		require.Empty(t, hits)
	})
	t.Run("a call that takes too long ends with a timeout", func(t *testing.T) {
		cfg := x.server.cfg
		cfg.Timeout = time.Nanosecond
		impatient := connectWith(t, cfg)
		y, err := impatient.Collection(x.name, api.DenseConfig{Dims: 3}, densetest.Fields())
		require.NoError(t, err)
		require.NoError(t, y.Prepare(ctx))
		require.ErrorIs(t, calls(y)["search"](ctx), dense.ErrTimeout)
	})
}

// TestScan has more rows in one slot than the server gives at once.
func TestScan(t *testing.T) {
	t.Parallel()
	const n, crowded = maxHits + 3000, 77
	ctx := context.Background()
	x := testCollection(t, connectTest(t), api.DenseConfig{Dims: 2})
	defer func() { require.NoError(t, x.Close()) }()
	vs := make([]dense.Vector, n)
	want := map[dense.Key]bool{}
	for i := range vs {
		vs[i] = dense.Vector{ID: fmt.Sprint(i), Version: uint64(i / 2), Slot: crowded, Values: []float32{1, float32(i)}}
		if i%50 == 0 {
			vs[i].Slot = uint16(i % api.Slots)
		}
		want[dense.Key{ID: vs[i].ID, Version: vs[i].Version}] = true
	}
	require.NoError(t, x.Upsert(ctx, vs))
	for _, bounds := range [][2]int{{0, api.Slots}, {crowded, crowded + 1}} {
		got := map[dense.Key]bool{}
		require.NoError(t, x.Scan(ctx, bounds[0], bounds[1], func(k dense.Key) error {
			require.False(t, got[k], "%v came before", k)
			got[k] = true
			return nil
		}))
		if bounds[1]-bounds[0] == 1 {
			for _, v := range vs {
				if v.Slot != crowded {
					delete(want, dense.Key{ID: v.ID, Version: v.Version})
				}
			}
		}
		require.Equal(t, want, got)
	}
	calls, enough := 0, errors.New("enough")
	require.Equal(t, enough, x.Scan(ctx, 0, api.Slots, func(dense.Key) error {
		calls++
		return enough
	}))
	require.Equal(t, 1, calls)
	count, err := x.Count(ctx)
	require.NoError(t, err)
	require.Equal(t, n, count)
}

func TestPrune(t *testing.T) {
	term := func(v string) api.Query {
		return &api.Term{Field: "p", Value: api.Scalar{Type: api.TypeKeyword, Str: v}}
	}
	other := &api.Exists{Field: "q"}
	for name, c := range map[string]struct {
		filter api.Query
		want   []string
	}{
		"term":         {term("a"), []string{"=61"}},
		"not of it":    {&api.Bool{MustNot: []api.Query{term("a")}}, nil},
		"and":          {&api.Bool{Must: []api.Query{other}, Filter: []api.Query{term("a")}}, []string{"=61"}},
		"or":           {&api.Bool{Should: []api.Query{term("a"), term("b")}}, []string{"=61", "=62"}},
		"or other":     {&api.Bool{Should: []api.Query{term("a"), other}}, nil},
		"or if it may": {&api.Bool{Must: []api.Query{other}, Should: []api.Query{term("a")}}, nil},
		"no value":     {&api.Terms{Field: "p"}, []string{}},
		"other field":  {other, nil},
	} {
		got := partitionsOf(c.filter, "p")
		require.Equal(t, c.want == nil, got == nil, name)
		require.Len(t, got, len(c.want), name)
		for _, v := range c.want {
			require.True(t, got[v], name)
		}
	}
	e, err := translate(term("a"), "p", 1)
	require.NoError(t, err)
	require.Equal(t, `partition in ["=61", "*"] and (json_contains(attributes["f70"], "61"))`, e.text)
}
