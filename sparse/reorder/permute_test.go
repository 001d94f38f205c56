package reorder

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// permute orders documents whose terms are given, in two pieces a term.
func permute(lists [][]uint32, terms uint32, cfg Config) ([]uint32, error) {
	docs := make([][]uint32, terms+10) // a term from terms on is out of range
	for doc, list := range lists {
		for _, t := range list {
			docs[t] = append(docs[t], uint32(doc))
		}
	}
	freqs := make([]uint32, terms)
	for t := range freqs {
		freqs[t] = uint32(len(docs[t]))
	}
	return Permute(uint32(len(lists)), freqs, func(wanted func(uint32) bool, visit func(uint32, []uint32) bool) {
		for t, of := range docs {
			if !wanted(uint32(t)) {
				continue
			}
			if !visit(uint32(t), of[:len(of)/2]) || !visit(uint32(t), of[len(of)/2:]) {
				return
			}
		}
	}, cfg)
}

// clustered gives documents of some topics, mixed: each has terms of its topic and some of all.
func clustered(docs, topics int) (lists [][]uint32, terms uint32) {
	const perTopic, shared = 40, 2000
	state := uint64(7)
	next := func(n int) uint32 {
		state = state*6364136223846793005 + 1442695040888963407
		return uint32((state >> 33) % uint64(n))
	}
	terms = uint32(topics*perTopic + shared)
	for range docs {
		topic := next(topics)
		var list []uint32
		for range 20 {
			list = append(list, topic*perTopic+next(perTopic), uint32(topics*perTopic)+next(1+int(next(shared))))
		}
		slices.Sort(list)
		lists = append(lists, slices.Compact(list))
	}
	return lists, terms
}

// gapBits is the mean of log2 of the gaps of all postings.
func gapBits(lists [][]uint32, terms uint32, order []uint32) float64 {
	last := make([]int, terms)
	sum, n := 0.0, 0
	for i, doc := range order {
		for _, t := range lists[doc] {
			sum += math.Log2(float64(i + 1 - last[t]))
			last[t] = i + 1
			n++
		}
	}
	return sum / float64(n)
}

func ascending(docs int) []uint32 {
	order := make([]uint32, docs)
	for i := range order {
		order[i] = uint32(i)
	}
	return order
}

func TestPermute(t *testing.T) {
	t.Run("gives every document once, whatever the terms and settings", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			// Some terms are out of range, some come twice.
			list := rapid.SliceOfN(rapid.Uint32Range(0, 40), 0, 12)
			lists := rapid.SliceOfN(list, 0, 300).Draw(t, "lists")
			cfg := Default()
			cfg.MinDocFreq = rapid.IntRange(2, 5).Draw(t, "min doc freq")
			cfg.MaxDocShare = rapid.Float64Range(0.1, 1).Draw(t, "max doc share")
			cfg.MinPartition = rapid.IntRange(2, 8).Draw(t, "min partition")
			cfg.MaxPostings = rapid.IntRange(1, 3000).Draw(t, "max postings")
			cfg.Workers = rapid.IntRange(1, 5).Draw(t, "workers")
			order, err := permute(lists, 38, cfg)
			require.NoError(t, err)
			got := slices.Clone(order)
			slices.Sort(got)
			require.Equal(t, ascending(len(lists)), got)
			cfg.Workers = 1
			again, err := permute(lists, 38, cfg)
			require.NoError(t, err)
			require.Equal(t, order, again)
		})
	})
	t.Run("shortens the gaps of clustered documents", func(t *testing.T) {
		lists, terms := clustered(4000, 50)
		order, err := permute(lists, terms, Default())
		require.NoError(t, err)
		before, after := gapBits(lists, terms, ascending(4000)), gapBits(lists, terms, order)
		require.Less(t, after, 0.75*before, "before %.3f", before)
	})
	t.Run("does not depend on the workers", func(t *testing.T) {
		docs := 2 * parallelDocs
		lists, terms := clustered(docs, 50)
		cfg := Default()
		one, err := permute(lists, terms, cfg)
		require.NoError(t, err)
		for _, cfg.Workers = range []int{2, 3} {
			order, err := permute(lists, terms, cfg)
			require.NoError(t, err)
			require.Equal(t, one, order)
		}
	})
	t.Run("leaves documents alone that share nothing", func(t *testing.T) {
		for _, docs := range []int{0, 1, 2, 1000} {
			order, err := permute(make([][]uint32, docs), 0, Default())
			require.NoError(t, err)
			require.Equal(t, ascending(docs), order)
		}
	})
	t.Run("gives up when told", func(t *testing.T) {
		lists, terms := clustered(2000, 20)
		cfg := Default()
		var asked atomic.Int64
		cfg.Abort = func() bool { asked.Add(1); return false }
		_, err := permute(lists, terms, cfg)
		require.NoError(t, err)
		all := asked.Load()
		require.Greater(t, all, int64(20))
		for _, limit := range []int64{1, 3, 6, all / 2, all} {
			asked.Store(0)
			cfg.Abort = func() bool { return asked.Add(1) >= limit }
			order, err := permute(lists, terms, cfg)
			require.ErrorIs(t, err, ErrAborted)
			require.Nil(t, order)
			require.Equal(t, limit, asked.Load(), "asked again")
		}
	})
	t.Run("stands lists that grow between the readings", func(t *testing.T) {
		calls := 0
		lists := func(_ func(uint32) bool, visit func(uint32, []uint32) bool) {
			calls++
			for term := range uint32(12) {
				visit(term, slices.Repeat([]uint32{term, 7, 600}, 10*calls))
			}
		}
		cfg := Default()
		cfg.MaxDocShare = 1
		order, err := Permute(500, slices.Repeat([]uint32{10}, 10), lists, cfg)
		require.NoError(t, err)
		require.Len(t, order, 500)
	})
}

func TestNumber(t *testing.T) {
	cfg := Default()
	cfg.MinDocFreq, cfg.MaxDocShare = 2, 0.5
	t.Run("leaves out the rare and the frequent", func(t *testing.T) {
		freqs := []uint32{1, 2, 5, 6, 10}
		require.Equal(t, 2, number(freqs, 10, cfg))
		require.Equal(t, []uint32{0, 1, 2, 0, 0}, freqs)
	})
	t.Run("leaves out the most frequent until the others fit", func(t *testing.T) {
		cfg.MaxPostings = 11
		freqs := []uint32{5, 2, 5, 3, 4}
		require.Equal(t, 3, number(freqs, 10, cfg))
		require.Equal(t, []uint32{0, 1, 0, 2, 3}, freqs)
	})
}

func TestSelectNth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.Int32(), rapid.Int32Range(0, 3))
		keys := rapid.SliceOfN(key, 1, 200).Draw(t, "keys")
		n := rapid.IntRange(0, len(keys)-1).Draw(t, "n")
		sorted := slices.Clone(keys)
		slices.Sort(sorted)
		require.Equal(t, sorted[n], selectNth(keys, n))
	})
}

func TestCosts(t *testing.T) {
	c := newCosts(200_000)
	require.Len(t, c.saved, costTable)
	require.Equal(t, int32(1<<costBits), c.another(0))
	for d := uint32(1); d < 200_000; d++ {
		require.GreaterOrEqual(t, c.another(d), c.another(d-1))
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, Default().Validate())
	for name, change := range map[string]func(*Config){
		"MinDocFreq":    func(c *Config) { c.MinDocFreq = 1 },
		"MaxDocShare":   func(c *Config) { c.MaxDocShare = math.NaN() },
		"MaxPostings":   func(c *Config) { c.MaxPostings = MaxPostings + 1 },
		"MinPartition":  func(c *Config) { c.MinPartition = 1 },
		"MaxIterations": func(c *Config) { c.MaxIterations = 0 },
		"Workers":       func(c *Config) { c.Workers = 0 },
	} {
		cfg := Default()
		change(&cfg)
		_, err := permute([][]uint32{{0}}, 1, cfg)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, name)
	}
}

func BenchmarkPermute(b *testing.B) {
	lists, terms := clustered(20_000, 200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := permute(lists, terms, Default()); err != nil {
			b.Fatal(err)
		}
	}
}
