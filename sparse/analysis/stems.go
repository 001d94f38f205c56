package analysis

import (
	"strings"
	"sync/atomic"
)

// stemCache remembers the terms of words: every word has one slot, which the latest of those that share it
// holds. Readers and writers never wait for each other.
type stemCache struct {
	slots [stemSlots]atomic.Pointer[stemEntry]
}

type stemEntry struct{ word, term string }

// get gives the word's term, by compute unless it is known; compute must be a pure function.
func (c *stemCache) get(word string, compute func(word string) string) string {
	if len(word) > maxCachedWord {
		return compute(word)
	}
	slot := &c.slots[hash(word)%stemSlots]
	if e := slot.Load(); e != nil && e.word == word {
		return e.term
	}
	// The clone keeps the text out of the cache, and the term can be a part of the clone.
	word = strings.Clone(word)
	e := &stemEntry{word: word, term: compute(word)}
	slot.Store(e)
	return e.term
}

// hash is FNV-1a, with the high bits folded in for tables of a power of two.
func hash(word string) uint32 {
	h := uint32(2166136261)
	for i := range len(word) {
		h = (h ^ uint32(word[i])) * 16777619
	}
	return h ^ h>>15
}
