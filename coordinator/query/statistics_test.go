package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// indexShard is a shard over a real index. It counts its calls and remembers what it was given.
type indexShard struct {
	fakeShard
	index          *sparse.Index
	searches, asks atomic.Int32
	statisticsHook func(context.Context) error
	mu             sync.Mutex
	given          *sparse.Statistics
}

func (s *indexShard) SearchSparse(
	ctx context.Context, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, error) {
	s.searches.Add(1)
	s.mu.Lock()
	s.given = req.Stats
	s.mu.Unlock()
	if s.sparseHook != nil {
		if err := s.sparseHook(ctx); err != nil {
			return sparse.TopDocs{}, sparse.Statistics{}, err
		}
	}
	snap := s.index.Snapshot()
	defer snap.Release()
	top, err := snap.Search(ctx, req)
	if err != nil {
		return sparse.TopDocs{}, sparse.Statistics{}, err
	}
	stats, err := snap.Statistics(want)
	return top, stats, err
}

func (s *indexShard) Statistics(ctx context.Context, terms []sparse.TermKey) (sparse.Statistics, error) {
	s.asks.Add(1)
	if s.statisticsHook != nil {
		if err := s.statisticsHook(ctx); err != nil {
			return sparse.Statistics{}, err
		}
	}
	snap := s.index.Snapshot()
	defer snap.Release()
	return snap.Statistics(terms)
}

// layout is one corpus on some shards, with a searcher whose clock stands still.
type layout struct {
	searcher *Searcher
	target   Target
	shards   []*indexShard
	now      time.Time
	writes   uint64
}

func newLayout(t require.TestingT, dir string, shards int) *layout {
	schema := api.Schema{Fields: map[string]api.Field{
		"title": {Type: api.TypeText}, "body": {Type: api.TypeText}, "tag": {Type: api.TypeKeyword},
	}}
	analyzers := analysis.NewRegistry()
	vocabulary, err := sparse.NewVocabulary(schema, analyzers)
	require.NoError(t, err)
	l := &layout{now: time.Unix(1_700_000_000, 0)}
	l.target = Target{Name: "papers", ID: "0001", Schema: &schema, Terms: vocabulary}
	for i := range shards {
		cfg := sparse.Default()
		cfg.FS, cfg.Dir = vfs.OS(), fmt.Sprintf("%s/%d-%d", dir, shards, i)
		cfg.Schema, cfg.Analyzers, cfg.Logger = schema, analyzers, slog.New(slog.DiscardHandler)
		index, err := sparse.Open(cfg)
		require.NoError(t, err)
		l.shards = append(l.shards, &indexShard{index: index})
		l.target.Shards = append(l.target.Shards, l.shards[i])
	}
	cfg := Default()
	cfg.Registry, cfg.Logger, cfg.Now = prometheus.NewRegistry(), slog.New(slog.DiscardHandler), l.clock
	l.searcher, err = New(cfg)
	require.NoError(t, err)
	return l
}

func (l *layout) clock() time.Time { return l.now }

func (l *layout) close(t require.TestingT) {
	for _, s := range l.shards {
		require.NoError(t, s.index.Close())
	}
}

// put writes a document to the shard its number belongs to.
func (l *layout) put(t require.TestingT, number int, title, body string) {
	l.writes++
	value := func(field, text string) api.Value { return api.Value{Field: field, Strings: []string{text}} }
	doc := api.Document{
		ID: fmt.Sprintf("d%03d", number), Source: []byte(`{}`),
		Values: []api.Value{value("title", title), value("body", body)},
	}
	_, err := l.shards[number%len(l.shards)].index.Apply(sparse.Batch{
		Index: l.writes, Writes: []api.Write{{Kind: api.OpIndex, Doc: doc}},
	})
	require.NoError(t, err)
}

func (l *layout) search(t require.TestingT, q api.Query) *api.SearchResponse {
	r, err := l.searcher.Search(context.Background(), l.target, &api.SearchRequest{
		Query: q, Mode: api.ModeSparse, Size: 50, Timeout: 5 * time.Second, AllowPartial: true,
	})
	require.NoError(t, err)
	return r
}

// calls gives how often all shards were asked for statistics and searched since it was last called.
func (l *layout) calls() (asks, searches int) {
	for _, s := range l.shards {
		asks += int(s.asks.Swap(0))
		searches += int(s.searches.Swap(0))
	}
	return asks, searches
}

func match(text string) *api.Match {
	return &api.Match{Text: text, Operator: api.OperatorOr, Boost: 1}
}

var vocabulary = []string{"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"}

// TestLayoutDoesNotChangeAnswers holds 3 and 8 shards to the answers of one, while documents are written and
// replaced.
func TestLayoutDoesNotChangeAnswers(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		at := fmt.Sprintf("%s/%d", dir, run)
		layouts := []*layout{newLayout(t, at, 1), newLayout(t, at, 3), newLayout(t, at, 8)}
		for _, l := range layouts {
			defer l.close(t)
		}
		word := rapid.SampledFrom(vocabulary)
		text := func(label string) string {
			return strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, label), " ")
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for range rapid.IntRange(1, 15).Draw(t, "writes") {
				number := rapid.IntRange(0, 30).Draw(t, "document")
				title, body := text("title"), text("body")
				for _, l := range layouts {
					l.put(t, number, title, body)
				}
			}
			q := api.Query(match(text("query")))
			if rapid.Bool().Draw(t, "bool") {
				q = &api.Bool{Should: []api.Query{q, &api.Phrase{Text: text("phrase"), Boost: 2}}, Boost: 1}
			}
			want := layouts[0].search(t, q)
			for _, l := range layouts[1:] {
				// Nothing has been written for a second.
				l.now = l.now.Add(time.Second)
				for range 2 {
					got := l.search(t, q)
					require.Empty(t, got.Degraded)
					require.Equal(t, want.Total, got.Total)
					require.Equal(t, ids(want), ids(got))
					for i := range want.Hits {
						require.Equal(t, math.Float64bits(want.Hits[i].Score), math.Float64bits(got.Hits[i].Score))
					}
				}
				first := l.shards[0].given
				for _, s := range l.shards {
					require.Same(t, first, s.given)
				}
			}
		}
	})
}

func TestStatisticsRounds(t *testing.T) {
	filled := func(t *testing.T, shards int) *layout {
		l := newLayout(t, t.TempDir(), shards)
		t.Cleanup(func() { l.close(t) })
		for i := range 24 {
			l.put(t, i, vocabulary[i%8], vocabulary[i%3])
		}
		return l
	}
	ask := func(t *testing.T, l *layout, q api.Query) int {
		t.Helper()
		l.search(t, q)
		asks, searches := l.calls()
		require.Equal(t, len(l.shards), searches)
		return asks
	}
	t.Run("one shard needs none", func(t *testing.T) {
		l := filled(t, 1)
		require.Zero(t, ask(t, l, match("ant")))
		require.Nil(t, l.shards[0].given)
	})
	t.Run("unknown terms cost one round, known ones none", func(t *testing.T) {
		l := filled(t, 3)
		require.Equal(t, 3, ask(t, l, match("ant bee")))
		require.Zero(t, ask(t, l, match("ant bee")))
		require.Zero(t, ask(t, l, match("bee")))
		require.Equal(t, 3, ask(t, l, match("bee cat")))
		require.Equal(t, 2.0, counted(t, l.searcher.metrics.rounds))
		require.Equal(t, 2.0, counted(t, l.searcher.metrics.hits))
	})
	t.Run("what is not scored costs none", func(t *testing.T) {
		l := filled(t, 3)
		require.Zero(t, ask(t, l, nil))
		require.Zero(t, ask(t, l, &api.Bool{Filter: []api.Query{match("ant")}, Boost: 1}))
		r, err := l.searcher.Search(t.Context(), l.target, &api.SearchRequest{
			Query: match("ant"), Mode: api.ModeSparse, Timeout: time.Second,
		})
		require.NoError(t, err)
		require.Positive(t, r.Total.Value)
		asks, _ := l.calls()
		require.Zero(t, asks)
	})
	t.Run("values age, and each answer renews them", func(t *testing.T) {
		l := filled(t, 3)
		require.Equal(t, 3, ask(t, l, match("ant")))
		for range 5 {
			l.now = l.now.Add(statisticsAge - 1)
			require.Zero(t, ask(t, l, match("ant")))
		}
		l.now = l.now.Add(statisticsAge)
		require.Equal(t, 3, ask(t, l, match("ant")))
	})
	t.Run("a write is scored exactly after a second", func(t *testing.T) {
		l := filled(t, 3)
		before := l.search(t, match("ant"))
		l.put(t, 100, "ant", "ant")
		l.search(t, match("ant"))
		l.now = l.now.Add(statisticsAge)
		after := l.search(t, match("ant"))
		require.Equal(t, before.Total.Value+1, after.Total.Value)
		one := filled(t, 1)
		one.put(t, 100, "ant", "ant")
		want := one.search(t, match("ant"))
		require.Equal(t, want.Hits, after.Hits)
	})
	t.Run("only shards that lack something are asked", func(t *testing.T) {
		l := filled(t, 3)
		l.shards[1].statisticsHook = fail(api.ErrUnavailable)
		require.Equal(t, 3, ask3(t, l))
		l.shards[1].statisticsHook = nil
		require.Equal(t, 1, ask(t, l, match("ant")))
	})
	t.Run("another index of the name shares nothing", func(t *testing.T) {
		l := filled(t, 3)
		require.Equal(t, 3, ask(t, l, match("ant")))
		l.target.ID = "0002"
		require.Equal(t, 3, ask(t, l, match("ant")))
	})
	t.Run("a query that does not fit", func(t *testing.T) {
		l := filled(t, 3)
		_, err := l.searcher.Search(t.Context(), l.target, &api.SearchRequest{
			Query: &api.Match{Text: "x", Fields: []api.FieldBoost{{Field: "nope", Boost: 1}}, Boost: 1},
			Mode:  api.ModeSparse, Size: 1, Timeout: time.Second,
		})
		var p *api.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 400, p.Status)
	})
	t.Run("several shards need terms", func(t *testing.T) {
		l := filled(t, 3)
		l.target.Terms = nil
		_, err := l.searcher.Search(t.Context(), l.target, &api.SearchRequest{
			Query: match("ant"), Mode: api.ModeSparse, Size: 1, Timeout: time.Second,
		})
		require.ErrorIs(t, err, errTerms)
	})
}

// ask3 searches while the statistics of one of three shards can't be had.
func ask3(t *testing.T, l *layout) int {
	t.Helper()
	r := l.search(t, match("ant"))
	require.NotEmpty(t, r.Hits)
	require.Equal(t, []api.Degraded{{Leg: "sparse", Reason: "shard_unavailable", Detail: "shard 2 of 3"}}, r.Degraded)
	require.Equal(t, api.RelationAtLeast, r.Total.Relation)
	asks, searches := l.calls()
	require.Equal(t, 2, searches)
	return asks
}

func TestAShardThatHangsInTheRoundCostsOnlyItsOwnHits(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := newLayout(t, dir, 3)
		defer l.close(t)
		for i := range 24 {
			l.put(t, i, vocabulary[i%8], "")
		}
		l.shards[2].statisticsHook = hang
		start := time.Now()
		r := l.search(t, match("ant bee cat"))
		require.Less(t, time.Since(start), 3*time.Second)
		require.Len(t, r.Hits, 6)
		require.Equal(t, []api.Degraded{{Leg: "sparse", Reason: "shard_timeout", Detail: "shard 3 of 3"}}, r.Degraded)

		synctest.Wait()
		l.shards[2].statisticsHook = explode
		l.now = l.now.Add(statisticsAge)
		r = l.search(t, match("ant bee cat"))
		require.Len(t, r.Hits, 6)
		require.Equal(t, api.ReasonShardUnavailable, r.Degraded[0].Reason)
		require.Equal(t, 1.0, counted(t, l.searcher.metrics.panics))
	})
}

func TestStatisticsCache(t *testing.T) {
	start := time.Unix(0, 0)
	term := func(i int) sparse.TermKey { return sparse.TermKey{Field: "body", Term: fmt.Sprint(i)} }
	stats := func(terms []sparse.TermKey, df uint64) sparse.Statistics {
		s := sparse.Statistics{
			Fields: map[string]sparse.FieldStatistics{"body": {Docs: df, Tokens: 2 * df}},
			Terms:  map[sparse.TermKey]uint64{},
		}
		for _, key := range terms {
			s.Terms[key] = df
		}
		return s
	}
	at := func(shard int, terms ...sparse.TermKey) shardTerms {
		return shardTerms{index: "a", shards: 2, shard: shard, terms: terms}
	}
	t.Run("sums what is known", func(t *testing.T) {
		c := newStatisticsCache(time.Second, 1<<20, start)
		c.learn(at(0, term(1)), stats(at(0, term(1)).terms, 3), start)
		sum, lacking := c.lookUp(at(0, term(1)), start)
		require.Equal(t, []int{1}, lacking)
		require.Equal(t, stats(at(0, term(1)).terms, 3), sum)
		c.learn(at(1, term(1)), stats(at(0, term(1)).terms, 4), start)
		sum, lacking = c.lookUp(at(0, term(1)), start)
		require.Empty(t, lacking)
		require.Equal(t, stats(at(0, term(1)).terms, 7), sum)
	})
	t.Run("an answer on its way for long changes nothing", func(t *testing.T) {
		c := newStatisticsCache(time.Second, 1<<20, start)
		for _, x := range []struct {
			df uint64
			at time.Duration
		}{{5, 100}, {3, 50}} {
			c.learn(at(0, term(1)), stats(at(0, term(1)).terms, x.df), start.Add(x.at))
		}
		sum, _ := c.lookUp(at(0, term(1)), start.Add(100))
		require.Equal(t, uint64(5), sum.Terms[term(1)])
	})
	t.Run("another number of shards forgets", func(t *testing.T) {
		c := newStatisticsCache(time.Second, 1<<20, start)
		c.learn(at(0, term(1)), stats(nil, 3), start)
		_, lacking := c.lookUp(shardTerms{index: "a", shards: 1, terms: at(0, term(1)).terms}, start)
		require.Equal(t, []int{0}, lacking)
	})
	t.Run("is bounded and keeps what is used", func(t *testing.T) {
		const limit = 100_000
		c := newStatisticsCache(time.Second, limit, start)
		for i := range 10_000 {
			c.learn(at(i%2, term(i)), stats(nil, 1), start)
			c.learn(at(0, term(-1)), stats(nil, 1), start)
			require.LessOrEqual(t, c.bytes, limit)
		}
		require.Len(t, c.rows, c.order.Len())
		require.Greater(t, len(c.rows), 100)
		_, lacking := c.lookUp(at(0, term(-1)), start)
		require.Equal(t, []int{1}, lacking)
		_, lacking = c.lookUp(at(0, term(1)), start)
		require.Equal(t, []int{0, 1}, lacking)
	})
	t.Run("holds nothing without room", func(t *testing.T) {
		c := newStatisticsCache(time.Second, 0, start)
		c.learn(at(0, term(1)), stats(nil, 1), start)
		require.Empty(t, c.rows)
		require.Zero(t, c.bytes)
	})
}

func TestFinal(t *testing.T) {
	_, err := Contain(func() (int, error) { panic("broken") })
	require.True(t, Final(fmt.Errorf("search: %w", err)))
	require.True(t, Final(fmt.Errorf("search: %w", sparse.ErrQuery)))
	for _, err := range []error{nil, api.ErrUnavailable, errors.New("disk"), context.DeadlineExceeded} {
		require.False(t, Final(err))
	}
	n, err := Contain(func() (int, error) { return 3, nil })
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

// BenchmarkStatistics sums 12 known terms of 8 shards.
func BenchmarkStatistics(b *testing.B) {
	now := time.Unix(0, 0)
	c := newStatisticsCache(time.Second, statisticsBytes, now)
	at := shardTerms{index: "0001", shards: 8}
	for i := range 12 {
		at.terms = append(at.terms, sparse.TermKey{Field: "body", Term: fmt.Sprint(i)})
	}
	for at.shard = range 8 {
		c.learn(at, sparse.Statistics{Fields: map[string]sparse.FieldStatistics{"body": {}, "title": {}}}, now)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, lacking := c.lookUp(at, now); lacking != nil {
			b.Fatal(lacking)
		}
	}
}
