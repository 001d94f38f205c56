package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// mapCache is a Cache that forgets nothing.
type mapCache struct {
	mu     sync.Mutex
	values map[string][]byte
}

func newMapCache() *mapCache { return &mapCache{values: map[string][]byte{}} }

func (m *mapCache) Get(_ context.Context, key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	return value, ok
}

func (m *mapCache) Set(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
}

// placed is a shard with a position.
type placed struct {
	fakeShard
	at    atomic.Pointer[Position]
	asked atomic.Int32
	hook  func(context.Context) error
}

func (p *placed) Position(ctx context.Context) (Position, error) {
	p.asked.Add(1)
	if p.hook != nil {
		if err := p.hook(ctx); err != nil {
			return Position{}, err
		}
	}
	return *p.at.Load(), nil
}

// quiesce waits until no answer is being kept.
func quiesce(s *Searcher) {
	for range maxKeeping {
		s.answers.keeping <- struct{}{}
	}
	for range maxKeeping {
		<-s.answers.keeping
	}
}

// resting is a fixture whose index has long been at rest.
func resting(t *testing.T) (*fixture, *placed) {
	t.Helper()
	f := newFixture(t)
	shard := &placed{fakeShard: fakeShard{lexical: f.shard.lexical, total: 7, near: f.shard.near}}
	shard.at.Store(&Position{Version: 3, Dense: 4})
	f.target.Shards = []Shard{shard}
	f.searcher.cfg.Answers = newMapCache()
	f.search(t, `{"query":"first"}`)
	time.Sleep(settleVectors)
	return f, shard
}

func TestAnswers(t *testing.T) {
	// again searches, and reports whether the answer was known.
	again := func(t *testing.T, f *fixture, body string) bool {
		t.Helper()
		r, err := f.search(t, body)
		require.NoError(t, err)
		quiesce(f.searcher)
		return r.Cached
	}
	bubble := func(name string, test func(t *testing.T, f *fixture, shard *placed)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, shard := resting(t)
				test(t, f, shard)
			})
		})
	}
	const body = `{"query":"x","explain":true}`

	bubble("a known answer is the same", func(t *testing.T, f *fixture, _ *placed) {
		want, err := f.search(t, body)
		require.NoError(t, err)
		quiesce(f.searcher)
		got, err := f.search(t, body)
		require.NoError(t, err)
		require.False(t, want.Cached)
		require.True(t, got.Cached)
		require.Equal(t, api.Timings{}, got.TimingsMS)
		got.Cached, got.TookMS, got.TimingsMS = false, want.TookMS, want.TimingsMS
		require.Equal(t, want, got)
		require.False(t, again(t, f, `{"query":"y","explain":true}`))
	})
	bubble("a client may have the search run", func(t *testing.T, f *fixture, shard *placed) {
		require.False(t, again(t, f, body))
		require.True(t, again(t, f, body))
		asked := shard.asked.Load()
		require.False(t, again(t, f, `{"query":"x","explain":true,"cache":false}`))
		require.Equal(t, asked, shard.asked.Load())
		require.True(t, again(t, f, `{"query":"x","explain":true,"timeout":"1s","allow_partial":false}`))
	})
	bubble("a write makes answers unknown until it has settled", func(t *testing.T, f *fixture, shard *placed) {
		again(t, f, body)
		require.True(t, again(t, f, body))
		shard.at.Store(&Position{Version: 4, Dense: 4})
		asked := shard.asked.Load()
		for range 10 {
			require.False(t, again(t, f, body))
		}
		// The shard is not bothered meanwhile.
		require.Equal(t, asked+1, shard.asked.Load())
		time.Sleep(settle)
		require.False(t, again(t, f, body))
		require.True(t, again(t, f, body))
		shard.at.Store(&Position{Version: 4, Dense: 5})
		require.False(t, again(t, f, body))
	})
	bubble("writes all the time cost one question a second", func(t *testing.T, f *fixture, shard *placed) {
		asked := shard.asked.Load()
		for i := range 1000 {
			shard.at.Store(&Position{Version: uint64(10 + i)})
			require.False(t, again(t, f, body))
			time.Sleep(10 * time.Millisecond)
		}
		require.LessOrEqual(t, shard.asked.Load()-asked, int32(11))
	})
	bubble("what changes while the search runs is not kept", func(t *testing.T, f *fixture, shard *placed) {
		once := true
		shard.fetchHook = func(context.Context) error {
			if once {
				once = false
				shard.at.Store(&Position{Version: 5, Dense: 5})
			}
			return nil
		}
		require.False(t, again(t, f, body))
		require.Equal(t, 1.0, counted(t, f.searcher.metrics.kept.WithLabelValues("changed")))
		shard.at.Store(&Position{Version: 3, Dense: 4})
		time.Sleep(settle)
		again(t, f, `{"query":"to see it"}`)
		time.Sleep(settle)
		require.False(t, again(t, f, body))
	})
	bubble("what lacks something is not kept", func(t *testing.T, f *fixture, shard *placed) {
		shard.lag = 1
		require.False(t, again(t, f, body))
		require.Equal(t, 1.0, counted(t, f.searcher.metrics.kept.WithLabelValues("partial")))
		shard.lag = 0
		require.False(t, again(t, f, body))
		require.True(t, again(t, f, body))
	})
	bubble("errors are not kept", func(t *testing.T, f *fixture, shard *placed) {
		shard.sparseHook, shard.denseHook = fail(api.ErrUnavailable), fail(api.ErrUnavailable)
		_, err := f.search(t, body)
		require.Error(t, err)
		shard.sparseHook, shard.denseHook = nil, nil
		require.False(t, again(t, f, body))
	})
	bubble("large answers are not kept", func(t *testing.T, f *fixture, shard *placed) {
		shard.lexical = []sparse.Hit{{ID: strings.Repeat("a", maxAnswerBytes), Score: 3}}
		require.False(t, again(t, f, body))
		require.False(t, again(t, f, body))
		require.Equal(t, 2.0, counted(t, f.searcher.metrics.kept.WithLabelValues("large")))
	})
	bubble("a shard that hides its position costs little and once", func(t *testing.T, f *fixture, shard *placed) {
		shard.hook = hang
		begin := time.Now()
		for range 10 {
			require.False(t, again(t, f, body))
		}
		require.Equal(t, 100*time.Millisecond, time.Since(begin))
		shard.hook = nil
		time.Sleep(settle)
		again(t, f, body)
		time.Sleep(settle)
		again(t, f, body)
		require.True(t, again(t, f, body))
	})
	bubble("one that panics is borne", func(t *testing.T, f *fixture, shard *placed) {
		shard.hook = func(context.Context) error { panic("no position") }
		require.False(t, again(t, f, body))
	})
	bubble("values that are none are not given", func(t *testing.T, f *fixture, _ *placed) {
		require.False(t, again(t, f, body))
		cache, _ := f.searcher.cfg.Answers.(*mapCache)
		for key := range cache.values {
			cache.values[key] = []byte("nonsense")
		}
		require.False(t, again(t, f, body))
		require.True(t, again(t, f, body))
	})
	bubble("where milvus finds the vectors it takes longer to settle", func(t *testing.T, f *fixture, shard *placed) {
		f.target.Vectors = noVectors{}
		shard.at.Store(&Position{Version: 4})
		require.False(t, again(t, f, body))
		time.Sleep(settle)
		require.False(t, again(t, f, body))
		require.False(t, again(t, f, body))
		time.Sleep(settleVectors)
		require.False(t, again(t, f, body))
		require.True(t, again(t, f, body))
	})
	bubble("indexes that are remembered are bounded", func(t *testing.T, f *fixture, _ *placed) {
		for i := range maxStill + 10 {
			f.target.ID = fmt.Sprint(i)
			again(t, f, body)
		}
		require.LessOrEqual(t, len(f.searcher.answers.seen), maxStill)
	})
	bubble("equal searches run once", func(t *testing.T, f *fixture, shard *placed) {
		var runs atomic.Int32
		shard.sparseHook = func(context.Context) error {
			runs.Add(1)
			time.Sleep(time.Millisecond)
			return nil
		}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				r, err := f.search(t, body)
				if err != nil || len(r.Hits) != 4 {
					t.Error(r, err)
				}
			})
		}
		group.Wait()
		require.Equal(t, int32(1), runs.Load())
		require.Equal(t, 19.0, counted(t, f.searcher.metrics.joined))
		quiesce(f.searcher)
	})
	t.Run("negative times are refused", func(t *testing.T) {
		f := newFixture(t)
		cfg := f.searcher.cfg
		cfg.Settle = -1
		_, err := New(cfg)
		require.ErrorIs(t, err, ErrConfig)
	})
}

// noVectors is an index of vectors that has none.
type noVectors struct{}

func (noVectors) Search(context.Context, dense.Query) ([]dense.Hit, error) { return nil, nil }

// replicated is a shard of which some copies are behind.
type replicated struct {
	copies []*indexShard
	// log has the batches, applied how many of them a copy has.
	log     []sparse.Batch
	applied []int
}

// look is a replicated shard as one search sees it: a call goes to any copy that has applied enough.
type look struct {
	*replicated
	random *rand.Rand
	mu     *sync.Mutex
	// min is what copies must have applied, reached the most that one had which answered.
	min, reached *int
	// told is the copy that gave its position last.
	told *int
}

func newLook(r *replicated, random *rand.Rand, min int, told *int) look {
	// One of its own: shards are asked at the same time.
	own := rand.New(rand.NewPCG(random.Uint64(), 2))
	return look{r, own, &sync.Mutex{}, &min, new(int), told}
}

func (l look) choose() *indexShard {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.pick()
	*l.reached = max(*l.reached, l.applied[i])
	return l.copies[i]
}

func (l look) pick() int {
	for {
		if i := l.random.IntN(len(l.copies)); l.applied[i] >= *l.min {
			return i
		}
	}
}

func (l look) Position(context.Context) (Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.min = max(*l.min, *l.reached)
	i := l.pick()
	*l.min, *l.told = l.applied[i], i
	return Position{Version: l.copies[i].index.LastVersion()}, nil
}

func (l look) SearchSparse(ctx context.Context, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, error) {
	return l.choose().SearchSparse(ctx, req, want)
}

func (l look) Statistics(ctx context.Context, terms []sparse.TermKey) (sparse.Statistics, error) {
	return l.choose().Statistics(ctx, terms)
}

func (l look) Fetch(_ context.Context, ids []string) ([]sparse.Stored, error) {
	snap := l.choose().index.Snapshot()
	defer snap.Release()
	var out []sparse.Stored
	for _, id := range ids {
		doc, ok, err := snap.Get(id)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, doc)
		}
	}
	return out, nil
}

func (l look) Count(context.Context, api.Query) (int, error) { return 0, errors.New("not asked for") }

func (l look) SearchDense(context.Context, DenseRequest) (DenseResult, error) {
	return DenseResult{}, errors.New("not asked for")
}

func (l look) Current(context.Context, []string, int) (Presence, error) {
	return Presence{}, errors.New("not asked for")
}

func (l look) SelectIDs(context.Context, api.Query, int) ([]string, error) {
	return nil, errors.New("not asked for")
}

// catchUp applies the log to a copy, up to n batches.
func (r *replicated) catchUp(t require.TestingT, i, n int) {
	for ; r.applied[i] < n; r.applied[i]++ {
		_, err := r.copies[i].index.Apply(r.log[r.applied[i]])
		require.NoError(t, err)
	}
}

// TestKnownAnswersAreThoseOfASearch holds every answer that two gateways give out of their common cache, with copies
// that lag behind, to one computed from the very copies whose positions it was found by.
func TestKnownAnswersAreThoseOfASearch(t *testing.T) {
	const shards = 2
	dir, run, known, searches := t.TempDir(), 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		// Two layouts of two shards: the copies that lead, and those that lag.
		leads := newLayout(t, fmt.Sprintf("%s/%d", dir, run), shards)
		lags := newLayout(t, fmt.Sprintf("%s/%d-", dir, run), shards)
		defer leads.close(t)
		defer lags.close(t)
		parts := make([]*replicated, shards)
		for i := range parts {
			parts[i] = &replicated{copies: []*indexShard{leads.shards[i], lags.shards[i]}, applied: make([]int, 2)}
		}
		now, cache := time.Unix(1_700_000_000, 0), newMapCache()
		gateway := func(cache Cache, age, settle time.Duration) *Searcher {
			cfg := leads.searcher.cfg
			cfg.Registry, cfg.Now = prometheus.NewRegistry(), func() time.Time { return now }
			cfg.Answers, cfg.StatisticsAge, cfg.Settle = cache, age, settle
			s, err := New(cfg)
			require.NoError(t, err)
			return s
		}
		gateways := []*Searcher{gateway(cache, time.Second, 0), gateway(cache, time.Second, time.Second)}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		seen := [2][shards]int{}
		word := rapid.SampledFrom(vocabulary[:2])
		for range rapid.IntRange(20, 100).Draw(t, "steps") {
			g := rapid.IntRange(0, 1).Draw(t, "gateway")
			switch step := rapid.IntRange(0, 19).Draw(t, "step"); {
			case step == 0: // a write, acknowledged by the gateway
				i := rapid.IntRange(0, shards-1).Draw(t, "shard")
				title := strings.Join(rapid.SliceOfN(word, 1, 4).Draw(t, "title"), " ")
				doc := api.Document{
					ID: fmt.Sprintf("d%d-%d", i, rapid.IntRange(0, 5).Draw(t, "id")), Source: []byte(fmt.Sprintf("%q", title)),
					Values: []api.Value{{Field: "title", Strings: []string{title}}},
				}
				write := api.Write{Kind: api.OpIndex, Doc: doc}
				if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
					write = api.Write{Kind: api.OpDelete, Doc: api.Document{ID: doc.ID}}
				}
				p := parts[i]
				p.log = append(p.log, sparse.Batch{Index: uint64(len(p.log) + 1), Writes: []api.Write{write}})
				p.catchUp(t, 0, len(p.log))
				seen[g][i] = len(p.log)
			case step == 1: // a copy catches up a little
				p := parts[rapid.IntRange(0, shards-1).Draw(t, "shard")]
				p.catchUp(t, 1, min(p.applied[1]+rapid.IntRange(1, 3).Draw(t, "by"), len(p.log)))
			case step == 2:
				now = now.Add(time.Duration(rapid.IntRange(1, 1200).Draw(t, "ms")) * time.Millisecond)
			default:
				q := api.Query(match(word.Draw(t, "query")))
				told := [shards]int{}
				target := func() Target {
					target := leads.target
					target.Shards = nil
					for i, p := range parts {
						least := seen[g][i]
						target.Seen = append(target.Seen, uint64(least))
						target.Shards = append(target.Shards, newLook(p, random, least, &told[i]))
					}
					return target
				}
				req := &api.SearchRequest{Query: q, Mode: api.ModeSparse, Size: 5, Timeout: 5 * time.Second}
				got, err := gateways[g].Search(context.Background(), target(), req)
				require.NoError(t, err)
				quiesce(gateways[g])
				searches++
				if !got.Cached {
					continue
				}
				known++
				at := told
				// The same search on just the copies that told their positions.
				pinned := leads.target
				pinned.Shards = nil
				for i, p := range parts {
					least := p.applied[at[i]]
					only := &replicated{copies: p.copies[at[i] : at[i]+1], applied: []int{least}}
					pinned.Shards = append(pinned.Shards, newLook(only, random, least, new(int)))
					require.GreaterOrEqual(t, least, seen[g][i])
				}
				want, err := gateway(nil, 0, 0).Search(context.Background(), pinned, req)
				require.NoError(t, err)
				require.Equal(t, want.Total, got.Total)
				require.Equal(t, want.Hits, got.Hits)
				for i := range want.Hits {
					require.Equal(t, math.Float64bits(want.Hits[i].Score), math.Float64bits(got.Hits[i].Score))
				}
			}
		}
	})
	require.Greater(t, known, searches/20, "of %d searches", searches)
}
