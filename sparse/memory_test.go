package sparse

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/segment"
)

// memoryOf gives the mutable segment of one text field, with a document of each list of tokens.
func memoryOf(t require.TestingT) (*memory, func(tokens []analysis.Token)) {
	schema := api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText}}}
	fields, err := newFieldSet(schema, analysis.NewRegistry())
	require.NoError(t, err)
	m := newMemory(fields)
	return m, func(tokens []analysis.Token) {
		doc := &api.Document{ID: fmt.Sprint(m.NumDocs())}
		m.add(fields, &analyzed{doc: doc, tokens: [][]analysis.Token{tokens}}, 1)
	}
}

// readList gives a list as lines of a document and its positions.
func readList(l *memoryList) (out []string) {
	for l.NextBlock() {
		raw, ends, _ := l.BlockPositions(nil, nil)
		begin := uint32(0)
		for i, doc := range l.Docs() {
			positions := l.Positions(nil, i)
			if raw, ok := segment.ReadPositions(nil, raw[begin:ends[i]]); !ok || !slices.Equal(raw, positions) {
				out = append(out, fmt.Sprint("raw positions ", raw))
			}
			begin = ends[i]
			out = append(out, fmt.Sprint(doc, positions))
		}
	}
	return out
}

func TestMemoryListsAreWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, add := memoryOf(t)
		col := m.columns[0]
		want, forward := map[string][]string{}, [][]string{}
		for doc := range rapid.IntRange(1, 80).Draw(t, "documents") {
			var tokens []analysis.Token
			places := map[string][]uint32{}
			at := 0
			for range rapid.IntRange(0, 12).Draw(t, "tokens") {
				key := strings.Repeat(rapid.StringN(1, 3, -1).Draw(t, "key"), rapid.SampledFrom([]int{1, 1, 9}).Draw(t, "times"))
				if rapid.Bool().Draw(t, "common") {
					key = rapid.SampledFrom([]string{"a", "b", "ab", "a\x00"}).Draw(t, "key")
				}
				at += rapid.SampledFrom([]int{1, 127, 128, 70_000}).Draw(t, "gap")
				tokens = append(tokens, analysis.Token{Term: key, Position: at})
				places[key] = append(places[key], uint32(at))
			}
			add(tokens)
			var keys []string
			for key, p := range places {
				want[key] = append(want[key], fmt.Sprint(doc, p))
				keys = append(keys, key)
			}
			slices.Sort(keys)
			forward = append(forward, keys)
		}
		var keys []string
		for e := col.Entries(); e.Next(); {
			keys = append(keys, string(e.Key()))
			require.Equal(t, want[keys[len(keys)-1]], readList(e.Postings().(*memoryList)))
		}
		require.Len(t, keys, len(want))
		require.True(t, slices.IsSorted(keys))
		for doc, terms := range forward {
			freqs := map[string]uint32{}
			for _, key := range keys {
				freqs[key] = col.docFreq(key)
			}
			col.noteDeleted(uint32(doc))
			for _, key := range terms {
				freqs[key]--
			}
			for _, key := range keys {
				require.Equal(t, freqs[key], col.docFreq(key))
			}
		}
		require.Nil(t, col.find("none of these"))
	})
}

func TestMemorySeeksAcrossBlocks(t *testing.T) {
	m, add := memoryOf(t)
	for i := range 9000 {
		tokens := []analysis.Token{{Term: "all"}}
		if i%3 == 0 {
			tokens = append(tokens, analysis.Token{Term: "third", Position: 1})
		}
		add(tokens)
	}
	col := m.columns[0]
	require.EqualValues(t, 3000, col.docFreq("third"))
	for _, doc := range []uint32{0, 1, 3, 3069, 3070, 8997} {
		l := col.view(col.find("third"), math.MaxUint32)
		require.True(t, l.SeekBlock(doc))
		at, _ := slices.BinarySearch(l.Docs(), doc)
		require.Equal(t, (doc+2)/3*3, l.Docs()[at])
		require.True(t, l.SeekBlock(doc), "the present block is one of them")
	}
	require.False(t, col.view(col.find("third"), math.MaxUint32).SeekBlock(8998))
}

// TestMemoryIsReadWhileWritten reads lists while they grow: every list is whole, as of some document. The race
// detector sees the rest.
func TestMemoryIsReadWhileWritten(t *testing.T) {
	m, add := memoryOf(t)
	add([]analysis.Token{{Term: "all"}})
	col := m.columns[0]
	var wg sync.WaitGroup
	done := make(chan struct{})
	torn := make(chan string, 2)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				l := col.view(col.find("all"), math.MaxUint32)
				for want := uint32(0); l.NextBlock(); {
					for i, doc := range l.Docs() {
						if p := l.Positions(nil, i); doc != want || len(p) != 1+int(doc)%2 {
							torn <- fmt.Sprint(want, doc, p)
							return
						}
						want++
					}
				}
			}
		})
	}
	for i := 1; i < 5000; i++ {
		tokens := []analysis.Token{{Term: "all"}, {Term: fmt.Sprint(i), Position: 1}}
		if i%2 == 1 {
			tokens = append(tokens, analysis.Token{Term: "all", Position: 2})
		}
		add(tokens)
	}
	close(done)
	wg.Wait()
	require.Empty(t, torn)
}

func TestMemoryListsEndAtTheLimit(t *testing.T) {
	m, add := memoryOf(t)
	for range 3000 {
		add([]analysis.Token{{Term: "all"}})
	}
	col := m.columns[0]
	for _, limit := range []uint32{0, 1, 2, 3, 1022, 1023, 1024, 2999, 3000, 3001} {
		l, n := col.view(col.find("all"), limit), uint32(0)
		for l.NextBlock() {
			n += uint32(len(l.Docs()))
			require.Less(t, l.Docs()[len(l.Docs())-1], limit)
			require.Len(t, l.Freqs(), len(l.Docs()))
		}
		require.Equal(t, min(limit, 3000), n)
		require.False(t, l.NextBlock())
	}
}

func TestArenaRunsNeverMove(t *testing.T) {
	var a arena[uint32]
	sizes := []int{1, 1023, 1, lastChunk, 5, lastChunk + 7, 3, lastChunk}
	runs := make([][]uint32, len(sizes))
	addresses := make([]uint32, len(sizes))
	for i, n := range sizes {
		addresses[i], runs[i] = a.alloc(n)
		require.Len(t, runs[i], n)
		runs[i][0], runs[i][n-1] = uint32(i), uint32(i)
	}
	for i, at := range addresses {
		got := a.at(at)[:sizes[i]]
		require.Same(t, &runs[i][0], &got[0])
		require.Equal(t, uint32(i), got[len(got)-1])
	}
}
