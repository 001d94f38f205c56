package kernel_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/sparse/kernel"
	"sagasu/sparse/segment"
)

// hit is a document and its score.
type hit struct {
	doc   uint32
	score float64
}

// better puts higher scores first, then lower documents.
func better(a, b hit) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.doc, b.doc)) }

// best keeps the k best in order.
type best struct {
	k    int
	hits []hit
}

func (b *best) K() int { return b.k }

func (b *best) Threshold() float64 {
	if len(b.hits) < b.k {
		return math.Inf(-1)
	}
	return b.hits[b.k-1].score
}

func (b *best) Offer(doc uint32, score float64) {
	h := hit{doc, score}
	at, _ := slices.BinarySearchFunc(b.hits, h, better)
	if at < b.k {
		b.hits = slices.Insert(b.hits, at, h)
		b.hits = b.hits[:min(len(b.hits), b.k)]
	}
}

// question is a query and what it is made of.
type question struct {
	kernel.Query
	keys []key
}

// key is a list of the corpus.
type key struct{ field, ordinal int }

// TestSearch holds searches and counts to the scoring of every posting.
func TestSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	c := newCorpus(random)
	r := c.segment(t)
	deleted := randomWords(random, 7)
	filters := [][]uint64{randomWords(random, 2), randomWords(random, 50), randomWords(random, 3000), {}}
	searcher := kernel.Get()
	for n := range 1500 {
		q := randomQuestion(random, r)
		if random.IntN(3) == 0 {
			q.Deleted = deleted
		}
		if random.IntN(3) == 0 {
			q.Filter = filters[random.IntN(len(filters))]
		}
		for i := range q.Terms {
			q.Terms[i].Deleted = c.deleted(q.keys[i], q.Deleted)
		}
		want := c.scores(q)
		found := &best{k: []int{1, 10, 30, 100, 1000}[random.IntN(5)]}
		require.True(t, q.Fits())
		require.NoError(t, searcher.Search(&q.Query, found))
		say := fmt.Sprintf("query %d: %v %v k %d filter %v deleted %v", n, q.keys, q.Choices, found.k, q.Filter != nil, q.Deleted != nil)
		require.Equal(t, want[:min(len(want), found.k)], append([]hit{}, found.hits...), say)
		got, err := searcher.Count(&q.Query, math.MaxInt)
		require.NoError(t, err)
		require.Equal(t, len(want), got, say)
		limit := 1 + random.IntN(100)
		got, err = searcher.Count(&q.Query, limit)
		require.NoError(t, err)
		require.True(t, got <= len(want) && (got >= limit || got == len(want)), say)
	}
	kernel.Put(searcher)
}

// randomQuestion asks for some keys, of one field or, in groups, of both texts.
func randomQuestion(random *rand.Rand, r *segment.Reader) *question {
	q := &question{Query: kernel.Query{Docs: testDocs, Boost: []float64{0, 1, 1, 1, 0.2, 7}[random.IntN(6)]}}
	of := []int{random.IntN(fields)}
	if random.IntN(4) == 0 {
		of = []int{title, body}
	}
	groups := 1 + random.IntN(5)
	clause := 0
	for group, ordinal := range random.Perm(len(densities))[:groups] {
		for _, f := range of {
			q.add(r, key{f, ordinal}, math.Exp(random.NormFloat64()), group)
			q.Terms[len(q.Terms)-1].Clause = clause
			if random.IntN(5) == 0 {
				clause++
			}
		}
	}
	switch random.IntN(5) {
	case 0, 1: // any will do
	case 2, 3:
		q.Choices = []kernel.Choice{{To: groups}}
	case 4: // some groups only score
		from := random.IntN(groups)
		q.Choices = []kernel.Choice{{From: from, To: from + 1 + random.IntN(groups-from)}}
		if to := q.Choices[0].To; random.IntN(2) == 0 && to < groups {
			q.Choices = append(q.Choices, kernel.Choice{From: to, To: groups})
		}
	}
	return q
}

func (q *question) add(r *segment.Reader, k key, weight float64, group int) {
	column := r.Column(k.field)
	found, err := column.Key(keyName(k.ordinal))
	if err != nil || found == nil {
		panic(fmt.Sprint("no key ", k, err))
	}
	q.Terms = append(q.Terms, kernel.Term{
		List: &found.List, Field: column, Weight: weight, Norm: testNorm, Text: k.field != learned, Group: group,
	})
	q.keys = append(q.keys, k)
}

// randomWords are bits of about one document in every.
func randomWords(random *rand.Rand, every int) []uint64 {
	words := make([]uint64, (testDocs+63)/64)
	for doc := range testDocs {
		if random.IntN(every) == 0 {
			words[doc/64] |= 1 << (doc % 64)
		}
	}
	return words[:len(words)-random.IntN(3)]
}

func has(words []uint64, doc uint32) bool {
	return int(doc/64) < len(words) && words[doc/64]>>(doc%64)&1 != 0
}

func (q *question) allows(doc uint32) bool {
	return (q.Filter == nil || has(q.Filter, doc)) && !has(q.Deleted, doc)
}

func (c *corpus) deleted(k key, words []uint64) (n int) {
	for _, p := range c.lists[k.field][k.ordinal] {
		if has(words, p.doc) {
			n++
		}
	}
	return n
}

// scores gives all that match, best first.
func (c *corpus) scores(q *question) []hit {
	totals, sums, groups := make([]float64, testDocs), make([]float64, testDocs), make([]uint64, testDocs)
	clause := 0
	addUp := func() {
		for doc, sum := range sums {
			totals[doc], sums[doc] = totals[doc]+sum, 0
		}
	}
	for i, k := range q.keys {
		t := &q.Terms[i]
		if t.Clause != clause {
			addUp()
			clause = t.Clause
		}
		for _, p := range c.lists[k.field][k.ordinal] {
			if !q.allows(p.doc) {
				continue
			}
			if k.field == learned {
				sums[p.doc] += float64(t.Weight * float64(math.Float32frombits(p.freq)))
			} else {
				sums[p.doc] += testNorm.Score(t.Weight, p.freq, c.lengths[k.field][p.doc])
			}
			groups[p.doc] |= 1 << t.Group
		}
	}
	addUp()
	boost := q.Boost
	if boost == 0 {
		boost = 1
	}
	out := []hit{}
	for doc, score := range totals {
		matches := len(q.Choices) == 0 && groups[doc] != 0
		for _, choice := range q.Choices {
			wanted := uint64(1)<<choice.To - uint64(1)<<choice.From
			matches = matches || groups[doc]&wanted == wanted
		}
		if matches {
			out = append(out, hit{uint32(doc), boost * score})
		}
	}
	slices.SortFunc(out, better)
	return out
}

// TestPhrase holds phrases to the positions of every document.
func TestPhrase(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	c := newCorpus(random)
	r := c.segment(t)
	deleted, filter := randomWords(random, 7), randomWords(random, 3)
	searcher := kernel.Get()
	for n := range 500 {
		q := &question{Query: kernel.Query{Docs: testDocs}}
		weight := math.Exp(random.NormFloat64())
		ordinals := random.Perm(len(c.lists[body]))[:1+random.IntN(3)]
		for i, ordinal := range ordinals {
			q.add(r, key{body, ordinal}, weight, i)
			q.Terms[i].Deleted = -1
		}
		if random.IntN(2) == 0 {
			q.Deleted = deleted
		}
		if random.IntN(3) == 0 {
			q.Filter = filter
		}
		p := &kernel.Phrase{Query: q.Query}
		offset := uint32(0)
		for i := range len(ordinals) + random.IntN(2) {
			term := i
			if i == len(ordinals) {
				term = random.IntN(i) // once more
			}
			p.Slots = append(p.Slots, kernel.Slot{Term: term, Offset: offset})
			offset += 1 + uint32(random.IntN(3))
		}
		want := c.phrases(q, p, weight)
		found := &best{k: []int{1, 10, 1000}[random.IntN(3)]}
		every := random.IntN(2) == 0
		matches, err := searcher.Phrase(p, found, every)
		require.NoError(t, err)
		say := fmt.Sprintf("phrase %d: %v %v", n, q.keys, p.Slots)
		require.Equal(t, want[:min(len(want), found.k)], append([]hit{}, found.hits...), say)
		if every {
			require.Equal(t, len(want), matches, say)
		}
	}
	kernel.Put(searcher)
}

// phrases gives all documents with the phrase and every key of the question, best first.
func (c *corpus) phrases(q *question, p *kernel.Phrase, weight float64) []hit {
	places := make([]map[uint32][]uint32, len(q.keys))
	for i, k := range q.keys {
		places[i] = map[uint32][]uint32{}
		for _, at := range c.lists[k.field][k.ordinal] {
			places[i][at.doc] = at.positions
		}
	}
	out := []hit{}
	for doc := range places[0] {
		held := !slices.ContainsFunc(places, func(of map[uint32][]uint32) bool { return of[doc] == nil })
		if !held || !q.allows(doc) {
			continue
		}
		freq := uint32(0)
		for _, start := range places[p.Slots[0].Term][doc] {
			if !slices.ContainsFunc(p.Slots, func(s kernel.Slot) bool {
				return !slices.Contains(places[s.Term][doc], start+s.Offset)
			}) {
				freq++
			}
		}
		if freq > 0 {
			out = append(out, hit{doc, testNorm.Score(weight, freq, c.lengths[body][doc])})
		}
	}
	slices.SortFunc(out, better)
	return out
}
