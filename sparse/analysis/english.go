package analysis

import (
	"strings"
	"sync"

	"github.com/blevesearch/snowballstem"
	snowball "github.com/blevesearch/snowballstem/english"
)

// maxStems bounds the cache of stems: the distinct words of a large collection, seldom ones left out.
const maxStems = 1 << 16

type english struct {
	stop  map[string]struct{}
	mu    sync.RWMutex
	stems map[string]string
}

// newEnglish makes the analyzer with the stop words that search engines have long agreed on: articles,
// prepositions, conjunctions, pronouns and forms of to be that say nothing about a text.
func newEnglish() *english {
	const list = "a an and are as at be but by for if in into is it no not of on or such " +
		"that the their then there these they this to was will with"
	e := &english{stop: make(map[string]struct{}), stems: make(map[string]string)}
	for _, word := range strings.Fields(list) {
		e.stop[word] = struct{}{}
	}
	return e
}

func (*english) Name() string { return "english" }

func (e *english) Analyze(dst []Token, text string) []Token {
	n := normalize(text)
	w := wordWriter{dst: dst, text: &n, term: e.term}
	w.words(0, len(n.text))
	return w.dst
}

// term gives the stem of a word, "" for a stop word.
func (e *english) term(word string) string {
	for _, s := range [...]string{"'s", "’s"} {
		word = strings.TrimSuffix(word, s)
	}
	if _, ok := e.stop[word]; ok {
		return ""
	}
	e.mu.RLock()
	stem, ok := e.stems[word]
	e.mu.RUnlock()
	if ok {
		return stem
	}
	env := snowballstem.NewEnv(word)
	snowball.Stem(env)
	stem = strings.Clone(env.Current())
	if len(word) <= 32 {
		e.mu.Lock()
		if len(e.stems) < maxStems {
			e.stems[strings.Clone(word)] = stem
		}
		e.mu.Unlock()
	}
	return stem
}
