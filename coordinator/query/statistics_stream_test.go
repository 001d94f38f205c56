package query

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/sparse"
)

// stream is different queries of 1 to 4 of 200 terms, some asked far more often than others, one every 50 ms.
type stream struct {
	*layout
	random *rand.Rand
	asked  map[string]bool
	// last is when a query had the term.
	last map[string]time.Time
	// rounds and asks count the queries that cost a round and the shards asked; aged are the rounds there would be
	// if only the age of statistics counted.
	rounds, asks, aged int
}

const streamTerms = 200

func streamTerm(i int) string { return fmt.Sprintf("term%03d", i) }

func newStream(t *testing.T, shards int) *stream {
	s := &stream{
		layout: newLayout(t, t.TempDir(), shards), random: rand.New(rand.NewPCG(1, 2)),
		asked: map[string]bool{}, last: map[string]time.Time{},
	}
	t.Cleanup(func() { s.close(t) })
	for i := range streamTerms {
		s.put(t, i, streamTerm(i), streamTerm(i/2))
	}
	return s
}

// query gives terms that were not asked for together before.
func (s *stream) query() []string {
	for {
		var terms []string
		for range 1 + s.random.IntN(4) {
			terms = append(terms, streamTerm(int(streamTerms*s.random.Float64()*s.random.Float64())))
		}
		if text := strings.Join(terms, " "); !s.asked[text] {
			s.asked[text] = true
			return terms
		}
	}
}

// ask searches for the terms and tells how many shards were asked for statistics before.
func (s *stream) ask(t *testing.T, terms []string) int {
	old := false
	for _, term := range terms {
		last, ok := s.last[term]
		old = old || !ok || s.now.Sub(last) >= statisticsAge
	}
	s.search(t, match(strings.Join(terms, " ")))
	for _, term := range terms {
		s.last[term] = s.now
	}
	asks, searches := s.calls()
	require.Equal(t, len(s.shards), searches)
	if asks > 0 {
		require.True(t, old, "a round that the age of the terms does not ask for")
		s.rounds++
	}
	if old {
		s.aged++
	}
	s.asks += asks
	s.now = s.now.Add(50 * time.Millisecond)
	return asks
}

func TestAStreamOfDifferentQueries(t *testing.T) {
	const queries = 1000
	t.Run("costs no rounds while nothing is written", func(t *testing.T) {
		s := newStream(t, 3)
		for i := range streamTerms {
			require.Equal(t, 3, s.ask(t, []string{streamTerm(i)}), "a term never asked for costs a round")
		}
		s.rounds, s.asks, s.aged = 0, 0, 0
		for range queries {
			s.ask(t, s.query())
		}
		t.Logf("%d rounds, %d by age alone", s.rounds, s.aged)
		require.Zero(t, s.rounds)
		require.Greater(t, s.aged, queries/2)
	})
	t.Run("costs one round after a pause", func(t *testing.T) {
		s := newStream(t, 3)
		for i := range streamTerms {
			s.ask(t, []string{streamTerm(i)})
		}
		s.now = s.now.Add(time.Hour)
		require.Equal(t, 3, s.ask(t, s.query()))
		for range queries / 10 {
			require.Zero(t, s.ask(t, s.query()))
		}
	})
	// every is how many queries come to a write.
	for _, every := range []int{1, 20, 200} {
		t.Run(fmt.Sprintf("costs no more rounds with a write every %d queries", every), func(t *testing.T) {
			s := newStream(t, 3)
			for i := range queries {
				if i%every == 0 {
					at := s.random.IntN(streamTerms)
					s.put(t, at, streamTerm(at)+" "+streamTerm(s.random.IntN(streamTerms)), "")
				}
				s.ask(t, s.query())
			}
			t.Logf("%d rounds to %d shards, %d rounds by age alone", s.rounds, s.asks, s.aged)
			require.LessOrEqual(t, s.rounds, s.aged)
		})
	}
}

// told is an answer on its way: when it was asked for, and what it tells once the shard has read it.
type told struct {
	asked time.Time
	terms []sparse.TermKey
	stats *sparse.Statistics
}

// TestStatisticsHold writes to one shard and asks it, with answers that overtake each other: what is not asked for
// again was so within the last second, and nothing is that would not have to be by its age.
func TestStatisticsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(0, 0)
		now, version := start, uint64(1)
		c := newStatisticsCache(statisticsAge, 1<<20, start)
		keys := []sparse.TermKey{{Field: "body", Term: "a"}, {Field: "body", Term: "b"}, {Field: "body", Term: "c"}}
		// A frequency is the version that made it so; until is when it was so last.
		state, until := map[sparse.TermKey]uint64{}, map[sparse.TermKey]map[uint64]time.Time{}
		for _, key := range keys {
			state[key], until[key] = 1, map[uint64]time.Time{}
		}
		learned := map[sparse.TermKey]time.Time{}
		var flying []*told
		drawTerms := func(t *rapid.T) []sparse.TermKey {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 3, rapid.ID).Draw(t, "terms")
		}
		pick := func(t *rapid.T) *told {
			if len(flying) == 0 {
				return &told{}
			}
			return rapid.SampledFrom(flying).Draw(t, "answer")
		}
		read := func(a *told) {
			if a.stats == nil {
				a.stats = &sparse.Statistics{Version: version, Terms: maps.Clone(state)}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"pass time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "ms")) * time.Millisecond)
			},
			"write": func(t *rapid.T) {
				version++
				for _, key := range drawTerms(t) {
					until[key][state[key]] = now
					state[key] = version
				}
			},
			"read": func(t *rapid.T) { read(pick(t)) },
			"answer": func(t *rapid.T) {
				a := pick(t)
				read(a)
				flying = slices.DeleteFunc(flying, func(b *told) bool { return a == b })
				c.learn(shardTerms{index: "a", shards: 1, terms: a.terms}, *a.stats, a.asked)
				for _, key := range a.terms {
					if a.asked.After(learned[key]) {
						learned[key] = a.asked
					}
				}
			},
			"search": func(t *rapid.T) {
				terms := drawTerms(t)
				sum, lacking := c.lookUp(shardTerms{index: "a", shards: 1, terms: terms}, now)
				flying = append(flying, &told{asked: now, terms: terms})
				young := true
				for _, key := range terms {
					young = young && !learned[key].IsZero() && now.Sub(learned[key]) < statisticsAge
					if last, past := until[key][sum.Terms[key]]; len(lacking) == 0 && past {
						require.Less(t, now.Sub(last), statisticsAge)
					}
				}
				require.False(t, young && len(lacking) > 0, "asked again while young")
			},
		})
	})
}

func TestVersionsOfStatistics(t *testing.T) {
	const ms = time.Millisecond
	start := time.Unix(0, 0)
	a, b := sparse.TermKey{Field: "body", Term: "a"}, sparse.TermKey{Field: "body", Term: "b"}
	at := func(terms ...sparse.TermKey) shardTerms { return shardTerms{index: "x", shards: 1, terms: terms} }
	type answer struct {
		at      time.Duration
		term    sparse.TermKey
		version uint64
		df      uint64
	}
	for name, test := range map[string]struct {
		answers []answer
		// at is when a is looked up, which has frequency df, or none if that is 0.
		at time.Duration
		df uint64
	}{
		"hold while another term's answers tell the same": {[]answer{{0, a, 5, 3}, {900 * ms, b, 5, 4}}, 1800 * ms, 3},
		"do not hold when the newest is unheard of":       {[]answer{{0, a, 5, 3}, {900 * ms, b, 5, 4}}, 1900 * ms, 0},
		"do not hold when the version has moved":          {[]answer{{0, a, 5, 3}, {900 * ms, b, 6, 4}}, 1000 * ms, 0},
		"hold while young though the version has moved":   {[]answer{{0, a, 5, 3}, {900 * ms, b, 6, 4}}, 999 * ms, 3},
		"stay when a replica lags":                        {[]answer{{0, a, 5, 3}, {1 * ms, a, 4, 9}}, 2 * ms, 3},
		"are no older than what a lagging replica gives":  {[]answer{{0, a, 5, 3}, {900 * ms, a, 4, 9}}, 1800 * ms, 3},
		"hold again when a lagging replica caught up": {
			[]answer{{0, a, 5, 3}, {500 * ms, b, 4, 4}, {900 * ms, b, 5, 4}}, 1800 * ms, 3,
		},
		"hold though learned by an answer that was overtaken": {
			[]answer{{100 * ms, b, 5, 4}, {0, a, 5, 3}, {900 * ms, b, 5, 4}}, 1800 * ms, 3,
		},
		"hold though the newest was told by one overtaken too": {
			[]answer{{0, a, 5, 3}, {900 * ms, b, 5, 4}, {100 * ms, b, 5, 4}}, 1800 * ms, 3,
		},
		"of a lagging replica do not hold": {[]answer{{0, b, 5, 3}, {900 * ms, a, 4, 9}, {950 * ms, b, 5, 3}}, 1900 * ms, 0},
		"are not lost because the newest was told by one overtaken": {
			[]answer{{1085 * ms, a, 5, 3}, {0, b, 6, 4}, {1000 * ms, b, 5, 4}}, 2000 * ms, 3,
		},
		"fall back when the newest was lost": {
			[]answer{{0, a, 5, 3}, {1500 * ms, a, 4, 2}}, 1600 * ms, 2,
		},
		"of a version given out again do not hold": {
			[]answer{{0, a, 5, 3}, {1500 * ms, b, 4, 2}, {1600 * ms, b, 5, 2}}, 1700 * ms, 0,
		},
		"of a version given out again are not renewed": {
			[]answer{{0, a, 5, 3}, {1500 * ms, b, 4, 2}, {1600 * ms, b, 5, 2}, {1700 * ms, a, 4, 2}}, 1800 * ms, 2,
		},
		"of an index never written to hold": {[]answer{{0, a, 0, 3}, {900 * ms, b, 0, 1}}, 1800 * ms, 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := newStatisticsCache(time.Second, 1<<20, start)
			for _, x := range test.answers {
				c.learn(at(x.term), sparse.Statistics{
					Fields: map[string]sparse.FieldStatistics{"body": {Docs: x.version}},
					Terms:  map[sparse.TermKey]uint64{x.term: x.df}, Version: x.version,
				}, start.Add(x.at))
			}
			sum, lacking := c.lookUp(at(a), start.Add(test.at))
			if test.df == 0 {
				require.Equal(t, []int{0}, lacking)
				return
			}
			require.Empty(t, lacking)
			require.Equal(t, test.df, sum.Terms[a])
			require.Zero(t, sum.Version)
		})
	}
}
