package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a reference over three documents, of lengths 3, 2 and 4.
func small(t *testing.T, questions ...question) *reference {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corpus.tsv")
	text := "0\t10 50\tred fox red\n1\t50\tblue fox\n2\t\tfox red blue sky\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	r, err := newReference(path, questions)
	require.NoError(t, err)
	return r
}

func TestReference(t *testing.T) {
	or := question{kind: "or", k: 10, terms: []string{"red"}}
	// red is in two of three documents, twice in the first: idf = ln(1 + 1.5/2.5); the average length is 3.
	idf := math.Log(1.6)
	t.Run("scores as by hand", func(t *testing.T) {
		got := small(t, or).answer(&or, judge{})
		require.Equal(t, 2, got.count)
		require.Equal(t, 0, got.hits[0].number)
		require.InDelta(t, idf*2/(2+1.2), got.hits[0].score, 1e-12)
		require.Equal(t, 2, got.hits[1].number)
		require.InDelta(t, idf*1/(1+1.2*(0.25+0.75*4/3)), got.hits[1].score, 1e-12)
	})
	t.Run("a term twice weighs twice", func(t *testing.T) {
		q := question{kind: "or", k: 1, terms: []string{"red", "red"}}
		require.InDelta(t, 2*idf*2/3.2, small(t, q).answer(&q, judge{}).hits[0].score, 1e-12)
	})
	t.Run("a common term weighs nothing where weights are floored", func(t *testing.T) {
		got := small(t, or).answer(&or, judge{floored: true})
		require.InDelta(t, 1e-6*2/3.2, got.hits[0].score, 1e-12)
		require.InDelta(t, math.Log(2.5/1.5), judge{floored: true}.idf(3, 1), 1e-12)
	})
	t.Run("all words, phrases and filters", func(t *testing.T) {
		and := question{kind: "and", k: 10, terms: []string{"red", "blue"}}
		phrase := question{kind: "phrase", k: 10, terms: []string{"fox", "red"}}
		share := question{kind: "or", k: 10, share: 50, terms: []string{"blue"}}
		unknown := question{kind: "and", k: 10, terms: []string{"red", "green"}}
		r := small(t, and, phrase, share, unknown)
		require.Equal(t, 2, r.answer(&and, judge{}).hits[0].number)
		require.Equal(t, 1, r.answer(&and, judge{}).count)
		got := r.answer(&phrase, judge{})
		require.Equal(t, 2, got.count)
		// fox is in all: ln(1 + 0.5/3.5).
		require.InDelta(t, (idf+math.Log(8.0/7))/(1+1.2), got.hits[0].score, 1e-12)
		require.Equal(t, 1, r.answer(&share, judge{}).count)
		require.Zero(t, r.answer(&unknown, judge{}).count)
	})
	t.Run("lengths in a byte", func(t *testing.T) {
		for n, want := range map[uint32]uint32{0: 0, 23: 23, 24: 24, 39: 39, 40: 40, 41: 40, 42: 42, 57: 56, 1000: 984} {
			require.Equal(t, want, roundLength(n), n)
		}
	})
	t.Run("a corpus in another order is refused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "corpus.tsv")
		require.NoError(t, os.WriteFile(path, []byte("1\t\tfox\n"), 0o600))
		_, err := newReference(path, nil)
		require.ErrorContains(t, err, "not numbered")
	})
}

func TestHold(t *testing.T) {
	questions := []question{{kind: "or", k: 2, terms: []string{"red"}}}
	want := []answer{{count: 7, hits: []scored{{1, 2}, {2, 1}}}}
	e := &engine{name: "some", factor: 2}
	with := func(count int, hits ...scored) []answer { return []answer{{count: count, hits: hits}} }
	t.Run("the same, and ties in another order, pass", func(t *testing.T) {
		require.NoError(t, hold(e, questions, with(7, scored{1, 4}, scored{2, 2.001}), want))
		require.NoError(t, hold(e, questions, with(-1, scored{9, 4}, scored{8, 2}), want))
	})
	t.Run("what differs is named", func(t *testing.T) {
		require.ErrorContains(t, hold(e, questions, with(6, scored{1, 4}, scored{2, 2}), want), "counts 6")
		require.ErrorContains(t, hold(e, questions, with(7, scored{1, 4}), want), "gives 1 hits")
		require.ErrorContains(t, hold(e, questions, with(7, scored{1, 4}, scored{2, 2.01}), want), "hit 2")
		err := hold(e, questions, with(7, scored{1, 4.1}, scored{2, 2}), want)
		require.ErrorContains(t, err, `some: or "red" top-2: hit 1`)
	})
	t.Run("of the unscored only numbers count", func(t *testing.T) {
		bare := &engine{name: "bare", unscored: true}
		require.NoError(t, hold(bare, questions, with(7, scored{1, 9}, scored{2, 9}), want))
		require.Error(t, hold(bare, questions, with(8, scored{1, 9}, scored{2, 9}), want))
	})
}
