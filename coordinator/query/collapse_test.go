package query

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/fusion"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// passageShard has documents of passages behind a fake.
type passageShard struct {
	*fakeShard
	stored map[string][]byte
	// rounds counts the searches of the lexical leg.
	rounds int
}

func (p *passageShard) SearchSparse(ctx context.Context, req sparse.Request, want []sparse.TermKey) (
	sparse.TopDocs, sparse.Statistics, error,
) {
	p.rounds++
	return p.fakeShard.SearchSparse(ctx, req, want)
}

func (p *passageShard) Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error) {
	if p.fetchHook != nil {
		if err := p.fetchHook(ctx); err != nil {
			return nil, err
		}
	}
	var out []sparse.Stored
	for _, id := range ids {
		if source, ok := p.stored[id]; ok && !p.gone[id] {
			out = append(out, sparse.Stored{ID: id, Source: source})
		}
	}
	return out, nil
}

// put stores a document whose passages are the texts, each of which repeats as much of the one before.
func (p *passageShard) put(parent string, overlap int, texts ...string) {
	whole := strings.Join(texts, "")
	doc := api.Document{
		ID: parent, Values: []api.Value{{Field: "title", Strings: []string{whole}}},
		Source: fmt.Appendf(nil, `{"title":%q}`, whole),
	}
	x, err := api.NewSplitter(&doc, "title")
	if err != nil {
		panic(err)
	}
	at := 0
	for i, text := range texts {
		part := api.Passage{Parent: parent, Position: i, Count: len(texts), Start: max(at-overlap, 0), End: at + len(text)}
		d := x.Document(part)
		p.stored[d.ID] = d.Source
		at += len(text)
	}
}

func collapsing(t *testing.T) (*fixture, *passageShard) {
	t.Helper()
	f := newFixture(t)
	f.shard.lexical, f.shard.near = nil, nil
	schema := *f.target.Schema
	schema.Passages = &api.PassageConfig{Field: "title"}
	f.target.Schema = &schema
	p := &passageShard{fakeShard: f.shard, stored: map[string][]byte{}}
	f.target.Shards = []Shard{p}
	return f, p
}

func TestCollapse(t *testing.T) {
	f, p := collapsing(t)
	p.put("a", 2, "one. ", "two. ", "three. ")
	p.put("b", 0, "b0. ", "b1. ")
	p.lexical = []sparse.Hit{{ID: "a#1", Score: 9}, {ID: "b#1", Score: 8}, {ID: "a#0", Score: 7}, {ID: "b#0", Score: 1}}
	t.Run("hits of passages say what they are of", func(t *testing.T) {
		r, err := f.search(t, `{"query":"x","mode":"sparse","size":1}`)
		require.NoError(t, err)
		require.JSONEq(t, `{"title":". two. "}`, string(r.Hits[0].Source))
		require.JSONEq(t, `{"parent":"a","position":1,"count":3,"start":3,"end":10}`, string(r.Hits[0].Passage))
	})
	t.Run("one hit for each document", func(t *testing.T) {
		r, err := f.search(t, `{"query":"x","mode":"sparse","explain":true,"collapse":{"by":"parent","passages":1}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, ids(r))
		a := r.Hits[0]
		require.Equal(t, 9.0, a.Score)
		require.Equal(t, &api.LegShare{Rank: 1, Score: 9, Share: 9}, a.Legs.Sparse)
		require.Len(t, a.Passages, 1)
		require.Equal(t, "a#1", a.Passages[0].ID)
		require.Equal(t, 1, a.Passages[0].Position)
		require.Nil(t, a.Passages[0].Before)
		require.JSONEq(t, `{"title":". two. "}`, string(a.Source))
	})
	t.Run("neighbours lend what they do not have in common", func(t *testing.T) {
		r, err := f.search(t, `{"query":"x","mode":"sparse","collapse":{"by":"parent","neighbours":1}}`)
		require.NoError(t, err)
		got := r.Hits[0].Passages
		require.Equal(t, []string{"a#1", "a#0"}, []string{got[0].ID, got[1].ID})
		require.Equal(t, "one", *got[0].Before)
		require.Equal(t, "three. ", *got[0].After)
		require.Empty(t, *got[1].Before)
		require.Equal(t, "two. ", *got[1].After)
	})
	t.Run("what another write left is not joined", func(t *testing.T) {
		f, p := collapsing(t)
		p.put("a", 0, "one. ", "two. ", "three. ")
		old := p.stored["a#2"]
		p.put("a", 0, "One! ", "Two! ")
		p.stored["a#2"] = old
		p.lexical = []sparse.Hit{{ID: "a#1", Score: 9}}
		r, err := f.search(t, `{"query":"x","mode":"sparse","collapse":{"by":"parent","neighbours":2}}`)
		require.NoError(t, err)
		require.Equal(t, "One! ", *r.Hits[0].Passages[0].Before)
		require.Empty(t, *r.Hits[0].Passages[0].After)
	})
	t.Run("documents that are gone are passed over", func(t *testing.T) {
		p.gone = map[string]bool{"a#0": true, "a#1": true}
		defer func() { p.gone = nil }()
		r, err := f.search(t, `{"query":"x","mode":"sparse","size":1,"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"b"}, ids(r))
	})
	t.Run("a shard that can't be asked is told", func(t *testing.T) {
		p.fetchHook = fail(api.ErrUnavailable)
		defer func() { p.fetchHook = nil }()
		_, err := f.search(t, `{"query":"x","mode":"sparse","collapse":{"by":"parent"}}`)
		var problem *api.Problem
		require.ErrorAs(t, err, &problem)
		require.Equal(t, 503, problem.Status)
	})
}

func TestCollapseWidens(t *testing.T) {
	// 300 passages of one document come before those of others.
	crowded := func(t *testing.T) (*fixture, *passageShard) {
		f, p := collapsing(t)
		p.put("big", 0, strings.Split(strings.Repeat("x ", 300), " ")...)
		for i := range 300 {
			p.lexical = append(p.lexical, sparse.Hit{ID: api.PassageID("big", i), Score: float64(1000 - i)})
		}
		for i := range 20 {
			parent := fmt.Sprintf("d%02d", i)
			p.put(parent, 0, "y")
			p.lexical = append(p.lexical, sparse.Hit{ID: parent + "#0", Score: float64(100 - i)})
		}
		return f, p
	}
	t.Run("until the page is full", func(t *testing.T) {
		f, p := crowded(t)
		r, err := f.search(t, `{"query":"x","mode":"sparse","size":5,"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"big", "d00", "d01", "d02", "d03"}, ids(r))
		require.Greater(t, p.rounds, 1)
		require.Greater(t, r.Fusion.Window, 300)
		require.Empty(t, r.Degraded)
	})
	t.Run("until there are no more", func(t *testing.T) {
		f, p := crowded(t)
		r, err := f.search(t, `{"query":"x","mode":"sparse","from":18,"size":9,"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"d17", "d18", "d19"}, ids(r))
		require.Less(t, p.rounds, 5)
	})
	t.Run("not where the request names the window", func(t *testing.T) {
		f, p := crowded(t)
		r, err := f.search(t, `{"query":"x","mode":"sparse","size":5,"fusion":{"window":100},"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"big"}, ids(r))
		require.Equal(t, 1, p.rounds)
	})
	t.Run("a round that fails leaves the one before it", func(t *testing.T) {
		f, p := crowded(t)
		p.sparseHook = func(context.Context) error {
			if p.rounds > 1 {
				return api.ErrUnavailable
			}
			return nil
		}
		r, err := f.search(t, `{"query":"x","mode":"sparse","size":5,"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"big"}, ids(r))
		require.Equal(t, api.ReasonDeadline, r.Degraded[0].Reason)
		require.Equal(t, 100, r.Fusion.Window)
	})
	t.Run("the query is embedded once", func(t *testing.T) {
		f, p := crowded(t)
		embedded := 0
		f.embedder.hook = func(context.Context) error { embedded++; return nil }
		for _, h := range p.lexical {
			p.near = append(p.near, dense.Hit{ID: h.ID, Score: float32(h.Score) / 1000})
		}
		r, err := f.search(t, `{"query":"x","size":5,"collapse":{"by":"parent"}}`)
		require.NoError(t, err)
		require.Len(t, r.Hits, 5)
		require.Greater(t, p.rounds, 1)
		require.Equal(t, 1, embedded)
	})
}

// TestCollapseAgreesWithGrouping holds collapsed pages to a grouping of everything by hand.
func TestCollapseAgreesWithGrouping(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f, p := collapsing(t)
		var all []string
		for i := range rapid.IntRange(1, 30).Draw(r, "documents") {
			n := rapid.IntRange(1, 20).Draw(r, "passages")
			parent := fmt.Sprintf("d%02d", i)
			p.put(parent, 0, strings.Split(strings.Repeat("x ", n-1)+"x", " ")...)
			all = append(all, passageIDs(parent, n)...)
		}
		lexical := rapid.Permutation(all).Draw(r, "lexical")
		near := rapid.Permutation(all).Draw(r, "near")
		lexical = lexical[:rapid.IntRange(0, len(all)).Draw(r, "found")]
		for i, id := range lexical {
			p.lexical = append(p.lexical, sparse.Hit{ID: id, Score: float64(len(all) - i)})
		}
		for i, id := range near {
			p.near = append(p.near, dense.Hit{ID: id, Score: 1 - float32(i)/1000})
		}
		mode := rapid.SampledFrom([]string{"sparse", "dense", "hybrid"}).Draw(r, "mode")
		from, size := rapid.IntRange(0, 12).Draw(r, "from"), rapid.IntRange(1, 12).Draw(r, "size")
		keep := rapid.IntRange(1, 5).Draw(r, "keep")
		body := fmt.Sprintf(`{"query":"x","mode":%q,"from":%d,"size":%d,"collapse":{"by":"parent","passages":%d}}`,
			mode, from, size, keep)
		got, err := f.search(t, body)
		require.NoError(r, err)

		want := group(fuseAll(r, mode, p, got.Fusion.Window), keep)
		require.Equal(r, want[min(from, len(want)):min(from+size, len(want))], shown(got))
		everything := group(fuseAll(r, mode, p, len(all)), keep)
		require.Len(r, got.Hits, max(0, min(size, len(everything)-from)), "a page is full when it can be")
	})
}

func passageIDs(parent string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = api.PassageID(parent, i)
	}
	return ids
}

// fuseAll ranks what a shard holds.
func fuseAll(t require.TestingT, mode string, p *passageShard, window int) []string {
	var lexical, near []fusion.Entry
	for _, h := range p.lexical {
		lexical = append(lexical, fusion.Entry{ID: h.ID, Score: h.Score})
	}
	for _, h := range p.near {
		near = append(near, fusion.Entry{ID: h.ID, Score: float64(h.Score)})
	}
	entries := lexical[:min(window, len(lexical))]
	switch mode {
	case "dense":
		entries = near[:min(window, len(near))]
	case "hybrid":
		hits, err := fusion.RRF([]fusion.Leg{
			{Name: "sparse", Weight: 1, Entries: lexical[:min(window, len(lexical))]},
			{Name: "dense", Weight: 1, Entries: near[:min(window, len(near))]},
		}, api.DefaultFusionK, window)
		require.NoError(t, err)
		entries = nil
		for _, h := range hits {
			entries = append(entries, fusion.Entry{ID: h.ID, Score: h.Score})
		}
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return ids
}

// group brings ranked passages together by document, each as "parent: passages".
func group(order []string, keep int) []string {
	passages, first := map[string][]string{}, map[string]int{}
	for i, id := range order {
		parent, _, _ := strings.Cut(id, "#")
		if _, ok := first[parent]; !ok {
			first[parent] = i
		}
		if len(passages[parent]) < keep {
			passages[parent] = append(passages[parent], id)
		}
	}
	parents := make([]string, 0, len(first))
	for parent := range first {
		parents = append(parents, parent)
	}
	slices.SortFunc(parents, func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	for i, parent := range parents {
		parents[i] = parent + ": " + strings.Join(passages[parent], " ")
	}
	return parents
}

func shown(r *api.SearchResponse) []string {
	out := make([]string, len(r.Hits))
	for i, h := range r.Hits {
		var ids []string
		for _, p := range h.Passages {
			ids = append(ids, p.ID)
		}
		out[i] = h.ID + ": " + strings.Join(ids, " ")
	}
	return out
}

// TestCollapseOverShards asks two shards, of which one fails to give its documents.
func TestCollapseOverShards(t *testing.T) {
	f, p := collapsing(t)
	p.put("a", 0, "x")
	p.lexical = []sparse.Hit{{ID: "a#0", Score: 2}}
	q := &passageShard{fakeShard: &fakeShard{lexical: []sparse.Hit{{ID: "b#0", Score: 3}}}, stored: map[string][]byte{}}
	q.put("b", 0, "y")
	f.target.Shards = append(f.target.Shards, q)
	r, err := f.search(t, `{"query":"x","mode":"sparse","collapse":{"by":"parent"}}`)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a"}, ids(r))
	q.fetchHook = fail(api.ErrUnavailable)
	r, err = f.search(t, `{"query":"x","mode":"sparse","size":2,"collapse":{"by":"parent"}}`)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, ids(r))
	require.Equal(t, api.ReasonShardUnavailable, r.Degraded[0].Reason)
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(r.AppendJSON(nil)))
}
