package sparse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// opaque hides what a clause is, so that every window is evaluated.
type opaque struct{ clause }

// searchExhaustively is Search without bounds.
func searchExhaustively(t testing.TB, s *Snapshot, req Request) TopDocs {
	t.Helper()
	p := s.planner(req.Stats)
	defer p.release()
	planned, filter, err := p.both(req.Query, req.Filter, req.K > 0)
	require.NoError(t, err)
	req.Count = 0
	work := newSearch(context.Background(), s, p, req)
	defer work.release()
	work.query, work.filter = opaque{planned}, filter
	require.NoError(t, work.run())
	var found Answer
	work.result(&found)
	return found.TopDocs
}

// largeIndex has some windows of documents, in several segments, with deletes if wanted.
func largeIndex(t testing.TB, docs int, deletes bool) *Index {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	cfg.ReorderDocs = docs / 4
	x, err := Open(cfg)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	zipf := rand.NewZipf(random, 1.05, 3, 20_000)
	index := uint64(0)
	for at := 0; at < docs; at += 1000 {
		index++
		b := Batch{Index: index}
		for i := range 1000 {
			doc := api.Document{ID: fmt.Sprintf("d%d", (at+i)*7919%docs), Source: []byte("{}")}
			words := 1 + random.IntN(1<<(1+random.IntN(6)))
			var learned []api.SparseEntry
			for dim := range uint32(40) {
				if random.IntN(int(dim)+2) == 0 {
					learned = append(learned, api.SparseEntry{Dim: dim, Weight: float32(math.Exp(random.NormFloat64()))})
				}
			}
			doc.Values = []api.Value{
				{Field: "body", Strings: []string{zipfText(random, zipf, words)}},
				{Field: "learn", Sparse: learned},
				{Field: "tag", Strings: []string{fmt.Sprint("tenth", i%10), fmt.Sprint("half", i%2), fmt.Sprint("rare", i%300)}},
				{Field: "title", Strings: []string{zipfText(random, zipf, 2)}},
			}
			b.Writes = append(b.Writes, api.Write{Kind: api.OpIndex, Doc: doc})
		}
		_, err := x.Apply(b)
		require.NoError(t, err)
		if at == docs/2 {
			_, err := x.Flush(context.Background())
			require.NoError(t, err)
		}
	}
	if deletes {
		b := Batch{Index: index + 1}
		for i := 0; i < docs; i += 13 {
			b.Writes = append(b.Writes, api.Write{Kind: api.OpDelete, Doc: api.Document{ID: fmt.Sprintf("d%d", i)}})
		}
		_, err := x.Apply(b)
		require.NoError(t, err)
	}
	_, err = x.Flush(context.Background())
	require.NoError(t, err)
	return x
}

// randomQuery is one that is searched by bounds.
func randomQuery(random *rand.Rand, zipf *rand.Zipf) api.Query {
	if random.IntN(4) > 0 {
		return randomSum(random, zipf)
	}
	b := &api.Bool{Boost: []float64{1, 0.3, 2}[random.IntN(3)]}
	for range random.IntN(3) {
		b.Must = append(b.Must, randomSum(random, zipf))
	}
	for range random.IntN(3) {
		b.Should = append(b.Should, randomSum(random, zipf))
	}
	if len(b.Should) > 0 && random.IntN(2) == 0 {
		minimum := random.IntN(2)
		b.MinimumShould = &minimum
	}
	if random.IntN(3) == 0 {
		b.Filter = []api.Query{tag("half1")}
	}
	return b
}

// randomSum is a query without others in it.
func randomSum(random *rand.Rand, zipf *rand.Zipf) api.Query {
	text := ""
	for range 1 + random.IntN(5) {
		text += fmt.Sprintf("w%d ", zipf.Uint64())
	}
	match := &api.Match{Text: text, Boost: 1}
	if random.IntN(3) > 0 {
		match.Fields = []api.FieldBoost{{Field: "body", Boost: 1}}
	} else if random.IntN(2) == 0 {
		match.Fields = []api.FieldBoost{{Field: "title", Boost: 2.5}, {Field: "body", Boost: 1}}
	}
	switch random.IntN(6) {
	case 0:
		match.Operator = api.OperatorAnd
	case 1:
		learned := &api.SparseVector{Field: "learn", Boost: 1}
		for dim := range uint32(45) {
			if random.IntN(4) == 0 {
				learned.Vector = append(learned.Vector, api.SparseEntry{Dim: dim, Weight: random.Float32() + 0.01})
			}
		}
		return learned
	case 3:
		phrase := ""
		for range 1 + random.IntN(3) {
			phrase += fmt.Sprintf("w%d ", zipf.Uint64()%40)
		}
		if random.IntN(4) == 0 {
			phrase += phrase
		}
		return &api.Phrase{Text: phrase, Fields: []api.FieldBoost{{Field: "body", Boost: 1}}, Boost: 1.5}
	case 2:
		return &api.Bool{Must: []api.Query{match}, MustNot: []api.Query{tag("tenth3")}, Boost: 1}
	}
	return match
}

func tag(value string) api.Query {
	return &api.Term{Field: "tag", Value: api.Scalar{Type: api.TypeKeyword, Str: value}, Boost: 1}
}

// TestBounds holds the search by bounds to the one that evaluates everything: same documents, same scores to the bit, same
// counts.
func TestBounds(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		t.Run(fmt.Sprintf("deletes %v", deletes), func(t *testing.T) {
			x := largeIndex(t, 30_000, deletes)
			defer func() { require.NoError(t, x.Close()) }()
			s := x.Snapshot()
			defer s.Release()
			random := rand.New(rand.NewPCG(5, 6))
			zipf := rand.NewZipf(random, 1.05, 3, 20_500)
			for range 600 {
				req := Request{Query: randomQuery(random, zipf), K: []int{1, 10, 100, 1000, 0}[random.IntN(5)]}
				if random.IntN(3) == 0 {
					req.Filter = tag([]string{"tenth1", "half0", "rare5", "nothing"}[random.IntN(4)])
				}
				if random.IntN(3) == 0 {
					// The index's average length is not what the segments were built with.
					req.Stats = &Statistics{Fields: map[string]FieldStatistics{
						"body":  {Docs: 40_000, Tokens: uint64(40_000 * (5 + random.IntN(60)))},
						"title": {Docs: 40_000, Tokens: uint64(40_000 * (2 + random.IntN(5)))},
					}}
				}
				want := searchExhaustively(t, s, req)
				got, err := s.Search(context.Background(), req)
				require.NoError(t, err)
				require.Equal(t, want, got, "%#v", req)
				req.Count = []int{-1, 1, 100, 10_000}[random.IntN(4)]
				got, err = s.Search(context.Background(), req)
				require.NoError(t, err)
				require.Equal(t, want.Hits, got.Hits, "%#v", req)
				require.LessOrEqual(t, got.Total, want.Total)
				if got.More {
					require.GreaterOrEqual(t, got.Total, min(max(req.Count, 0), want.Total))
				} else {
					require.Equal(t, want.Total, got.Total)
				}
			}
		})
	}
}

// waning is a context that ends after some looks at it.
type waning struct {
	context.Context
	left int
}

func (w *waning) Err() error {
	if w.left--; w.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestBoundsStop ends searches within a segment.
func TestBoundsStop(t *testing.T) {
	x := largeIndex(t, 30_000, false)
	defer func() { require.NoError(t, x.Close()) }()
	require.NoError(t, x.Compact(context.Background()))
	s := x.Snapshot()
	defer s.Release()
	body := []api.FieldBoost{{Field: "body", Boost: 1}}
	for name, req := range map[string]Request{
		"best":   {Query: &api.Match{Text: "w0 w1", Fields: body, Boost: 1}, K: 10, Count: -1},
		"phrase": {Query: &api.Phrase{Text: "w0 w1", Fields: body, Boost: 1}, K: 10, Count: -1},
		"count":  {Query: &api.Match{Text: "w0 w1", Fields: body, Boost: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Search(&waning{context.Background(), 4}, req)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			_, err = s.Search(&waning{context.Background(), 1000}, req)
			require.NoError(t, err)
		})
	}
}
