package analysis

import (
	"strings"

	"github.com/blevesearch/snowballstem"
	snowball "github.com/blevesearch/snowballstem/english"
)

type english struct {
	stop  map[string]struct{}
	stems stemCache
}

// newEnglish makes the analyzer with the stop words that search engines have long agreed on: articles,
// prepositions, conjunctions, pronouns and forms of to be that say nothing about a text.
func newEnglish() *english {
	const list = "a an and are as at be but by for if in into is it no not of on or such " +
		"that the their then there these they this to was will with"
	e := &english{stop: make(map[string]struct{})}
	for _, word := range strings.Fields(list) {
		e.stop[word] = struct{}{}
	}
	return e
}

func (*english) Name() string { return "english" }

func (e *english) Analyze(dst []Token, text string) []Token {
	w := newWordWriter(dst, text)
	w.term = e.term
	w.words(0, len(w.text.text))
	return w.dst
}

// term gives the stem of a folded word, "" for a stop word.
func (e *english) term(word string) string {
	return e.stems.get(word, e.compute)
}

func (e *english) compute(word string) string {
	for _, s := range [...]string{"'s", "’s"} {
		word = strings.TrimSuffix(word, s)
	}
	if _, ok := e.stop[word]; ok {
		return ""
	}
	env := snowballstem.NewEnv(word)
	snowball.Stem(env)
	return env.Current()
}
