package sparse

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// deletedKeys are terms of lists of every form, and how often each comes: in one of so many documents.
var deletedKeys = map[string]int{"all": 1, "tenth": 10, "rare": 35, "few": 900, "none": 0}

// deletedIndex has documents 0 to docs-1 in one file.
func deletedIndex(t *testing.T, docs int) *Index {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	b := Batch{Index: 1}
	for i := range docs {
		var words []string
		for key, every := range deletedKeys {
			if every > 0 && i%every == 0 {
				words = append(words, key)
			}
		}
		b.Writes = append(b.Writes, put(fmt.Sprint(i), strings.Join(words, " ")))
	}
	_, err := x.Apply(b)
	require.NoError(t, err)
	flush(t, x)
	return x
}

func deletedFreqs(t require.TestingT, s *Snapshot, keys ...string) map[string]uint64 {
	var terms []TermKey
	for _, key := range keys {
		terms = append(terms, TermKey{"title", key})
	}
	stats, err := s.Statistics(terms)
	require.NoError(t, err)
	freqs := map[string]uint64{}
	for _, key := range keys {
		freqs[key] = stats.Terms[TermKey{"title", key}]
	}
	return freqs
}

// TestDeletedFrequencies holds the frequencies of a file's terms, in whatever order snapshots ask for them, to those of
// the documents that were live in each.
func TestDeletedFrequencies(t *testing.T) {
	const docs = 9000
	x := deletedIndex(t, docs)
	defer func() { require.NoError(t, x.Close()) }()
	random := rand.New(rand.NewPCG(1, 2))
	type moment struct {
		s     *Snapshot
		freqs map[string]uint64
	}
	live := map[string]uint64{"none": 0}
	for key, every := range deletedKeys {
		if every > 0 {
			live[key] = uint64((docs + every - 1) / every)
		}
	}
	gone := make([]bool, docs)
	var moments []moment
	keep := func() {
		m := moment{x.Snapshot(), map[string]uint64{}}
		for key, n := range live {
			m.freqs[key] = n
		}
		moments = append(moments, m)
	}
	keep()
	for at := range 60 {
		b := Batch{Index: uint64(2 + at)}
		// Mostly few, so that they are looked up.
		for range 1 + random.IntN(1+random.IntN(40)) {
			doc := random.IntN(docs/35) * []int{1, 35}[random.IntN(2)]
			b.Writes = append(b.Writes, api.Write{Kind: api.OpDelete, Doc: api.Document{ID: fmt.Sprint(doc)}})
			if gone[doc] {
				continue
			}
			gone[doc] = true
			for key, every := range deletedKeys {
				if every > 0 && doc%every == 0 {
					live[key]--
				}
			}
		}
		_, err := x.Apply(b)
		require.NoError(t, err)
		keep()
		for range 3 {
			m := moments[random.IntN(len(moments))]
			if random.IntN(2) == 0 {
				m = moments[len(moments)-1]
			}
			for key := range deletedKeys {
				if random.IntN(3) > 0 {
					require.Equal(t, m.freqs[key], deletedFreqs(t, m.s, key)[key], "%s at %d", key, at)
				}
			}
		}
	}
	for _, m := range moments {
		require.Equal(t, m.freqs, deletedFreqs(t, m.s, "all", "tenth", "rare", "few", "none"))
		m.s.Release()
	}
}

// TestDeletedFrequenciesTogether asks for frequencies while documents are deleted one by one: every snapshot counts
// what is deleted in it, neither more nor less.
func TestDeletedFrequenciesTogether(t *testing.T) {
	const docs = 5000
	x := deletedIndex(t, docs)
	defer func() { require.NoError(t, x.Close()) }()
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				s := x.Snapshot()
				n := uint64(s.Len())
				if got := deletedFreqs(t, s, "all")["all"]; got != n {
					t.Errorf("%d documents have the term, %d are live", got, n)
				}
				s.Release()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 300 {
		apply(t, x, uint64(2+i), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: fmt.Sprint(i)}})
	}
	close(done)
	readers.Wait()
}
