package analysis

import (
	"strings"
	"unicode/utf8"
)

// run is a stretch of a text that is all Japanese script, or has none.
type run struct {
	from, to int
	japanese bool
}

// eachSentence cuts text into pieces to be understood at once, and each piece into runs. A piece of several
// runs is at most maxSentenceBytes long, and no Japanese is longer. fn must not keep the slice.
func eachSentence(text string, fn func(s []run)) {
	var s []run
	length := 0
	flush := func() {
		if len(s) > 0 {
			fn(s)
		}
		s, length = s[:0], 0
	}
	add := func(r run) {
		if length+r.to-r.from > maxSentenceBytes {
			flush()
		}
		s = append(s, r)
		length += r.to - r.from
	}
	eachRun(text, isJapanese, func(from, to int, japanese bool) {
		if japanese {
			for to-from > maxSentenceBytes {
				cut := from + phraseEnd(text[from:to], maxSentenceBytes)
				add(run{from, cut, true})
				from = cut
			}
			add(run{from, to, true})
			return
		}
		if at := strings.LastIndexFunc(text[from:to], endsSentence); at >= 0 {
			_, size := utf8.DecodeRuneInString(text[from+at:])
			flush()
			add(run{from, from + at + size, false})
			flush()
			from += at + size
		}
		switch {
		case from == to:
		case to-from > maxForeignBytes:
			flush()
			add(run{from, to, false})
			flush()
		default:
			add(run{from, to, false})
		}
	})
	flush()
}

// endsSentence tells where a sentence ends. The middle dot is among the ends, for the dictionary would take
// the names it separates as one unknown word, and so is the replacement character, for the lattice takes it
// for a broken byte.
func endsSentence(r rune) bool {
	switch r {
	case '。', '!', '?', '\n', '・', utf8.RuneError:
		return true
	}
	return false
}

// phraseEnd gives a place to cut text at or before limit: where Hiragana ends, as most phrases do, in the
// second half, or else between two characters.
func phraseEnd(text string, limit int) int {
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	after := true // whether what follows is Hiragana
	for at := limit; at > limit/2; {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		hiragana := r >= 'ぁ' && r <= 'ゖ'
		if hiragana && !after {
			return at
		}
		after = hiragana
		at -= size
	}
	return limit
}
