package sparse

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// shards are indexes that hold a corpus together; each id belongs to one of them.
type shards struct {
	list    []*Index
	cfgs    []Config
	of      map[string]int
	applied uint64
}

func openShards(t *rapid.T, dir string, n int, schema api.Schema) *shards {
	s := &shards{of: map[string]int{}}
	for i := range n {
		cfg := testConfig(fmt.Sprintf("%s-%d", dir, i), schema)
		cfg.FS = unsyncedFS{vfs.OS()}
		cfg.FlushBytes = rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(t, "flush bytes")
		x, err := Open(cfg)
		require.NoError(t, err)
		s.list, s.cfgs = append(s.list, x), append(s.cfgs, cfg)
	}
	return s
}

func (s *shards) close(t *rapid.T) {
	for _, x := range s.list {
		require.NoError(t, x.Close())
	}
}

// apply sends the writes to the shards of their ids; a new id goes to any.
func (s *shards) apply(t *rapid.T, writes []api.Write) {
	parts := make([][]api.Write, len(s.list))
	for _, w := range writes {
		at, ok := s.of[w.Doc.ID]
		if !ok {
			at = rapid.IntRange(0, len(s.list)-1).Draw(t, "shard")
			s.of[w.Doc.ID] = at
		}
		parts[at] = append(parts[at], w)
	}
	s.applied++
	for i, x := range s.list {
		_, err := x.Apply(Batch{Index: s.applied, Writes: parts[i]})
		require.NoError(t, err)
	}
}

// tidy flushes, merges or reopens any of the shards.
func (s *shards) tidy(t *rapid.T) {
	for i, x := range s.list {
		then := rapid.IntRange(0, 5).Draw(t, "then")
		if then > 2 {
			continue
		}
		_, err := x.Flush(context.Background())
		require.NoError(t, err)
		switch then {
		case 1:
			require.NoError(t, x.mergeAll(x.work))
		case 2:
			require.NoError(t, x.Close())
			s.list[i], err = Open(s.cfgs[i])
			require.NoError(t, err)
		}
	}
}

// snapshots takes one of each shard; the function lets go of them.
func (s *shards) snapshots() ([]*Snapshot, func()) {
	out := make([]*Snapshot, len(s.list))
	for i, x := range s.list {
		out[i] = x.Snapshot()
	}
	return out, func() {
		for _, s := range out {
			s.Release()
		}
	}
}

// sum adds up the snapshots' statistics.
func sum(t *rapid.T, snapshots []*Snapshot, terms []TermKey) Statistics {
	var all Statistics
	for _, s := range snapshots {
		stats, err := s.Statistics(terms)
		require.NoError(t, err)
		all.Add(stats)
	}
	return all
}

// searchAll merges the best of every snapshot. Versions are each shard's own, and left out.
func searchAll(t *rapid.T, snapshots []*Snapshot, req Request) TopDocs {
	out := TopDocs{Hits: []Hit{}}
	for _, s := range snapshots {
		top, err := s.Search(context.Background(), req)
		require.NoError(t, err)
		out.Total += top.Total
		out.Hits = append(out.Hits, top.Hits...)
	}
	slices.SortFunc(out.Hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	out.Hits = out.Hits[:min(req.K, len(out.Hits))]
	for i := range out.Hits {
		out.Hits[i].Version = 0
	}
	return out
}

// planned gives the terms that planning the query over a snapshot looks up for its scores.
func planned(t *rapid.T, s *Snapshot, q api.Query) []TermKey {
	seen := map[TermKey]bool{}
	p := s.planner(nil)
	p.scoring = func(key TermKey) { seen[key] = true }
	_, err := p.plan(q, true)
	require.NoError(t, err)
	return slices.SortedFunc(maps.Keys(seen), func(a, b TermKey) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Term, b.Term))
	})
}

// noise adds to statistics frequencies of every other term that documents or queries may hold.
func noise(stats Statistics, terms []TermKey) Statistics {
	out := Statistics{Fields: stats.Fields, Terms: maps.Clone(stats.Terms)}
	for _, word := range words {
		for _, key := range []TermKey{{"body", word}, {"title", word}} {
			if !slices.Contains(terms, key) {
				out.Terms[key] = math.MaxUint32
			}
		}
	}
	return out
}

// TestShardsEqualOneIndex distributes random writes over 1, 3 and 8 indexes, with flushes, merges and restarts of
// any of them between. With their summed statistics their merged answers are, to the bit, those of one index
// with all documents. Vocabulary.Terms names exactly the terms that make it so.
func TestShardsEqualOneIndex(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		schema := testSchema(rapid.SampledFrom([]float64{0, 0.9, 1.2}).Draw(t, "k1"),
			rapid.SampledFrom([]float64{0, 0.4, 1}).Draw(t, "b"))
		whole := openShards(t, fmt.Sprintf("%s/whole%d", root, run), 1, schema)
		defer whole.close(t)
		n := rapid.SampledFrom([]int{1, 3, 8}).Draw(t, "shards")
		split := openShards(t, fmt.Sprintf("%s/split%d", root, run), n, schema)
		defer split.close(t)
		write := rapid.Custom(func(t *rapid.T) api.Write {
			w := drawWrite(t)
			w.IfVersion = nil // Versions are each index's own.
			return w
		})
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			writes := rapid.SliceOfN(write, 0, 16).Draw(t, "batch")
			for _, s := range []*shards{whole, split} {
				s.apply(t, writes)
				s.tidy(t)
			}
			compareShards(t, whole, split)
		}
	})
}

func compareShards(t *rapid.T, whole, split *shards) {
	one, release := whole.snapshots()
	defer release()
	many, release := split.snapshots()
	defer release()
	vocabulary, err := NewVocabulary(whole.cfgs[0].Schema, whole.cfgs[0].Analyzers)
	require.NoError(t, err)
	for range 3 {
		req := Request{Query: drawQuery(t, 2), K: rapid.IntRange(1, 30).Draw(t, "k")}
		if rapid.Bool().Draw(t, "filtered") {
			req.Filter = drawQuery(t, 1)
		}
		terms, err := vocabulary.Terms(req.Query)
		require.NoError(t, err)
		for _, s := range append(many, one...) {
			require.Equal(t, fmt.Sprint(planned(t, s, req.Query)), fmt.Sprint(terms))
		}
		stats := sum(t, many, terms)
		require.Equal(t, sum(t, one, terms), stats)
		want := searchAll(t, one, req)
		req.Stats = &stats
		require.Equal(t, want, searchAll(t, one, req))
		require.Equal(t, want, searchAll(t, many, req))
		loud := noise(stats, terms)
		req.Stats = &loud
		require.Equal(t, want, searchAll(t, many, req))
	}
}
