package passage

import (
	"sort"
	"unicode/utf8"
)

// ruler measures parts of a text, in characters or tokens.
type ruler struct {
	text string
	// starts are where the tokens start, ascending; used if tokens is set.
	starts []int
	tokens bool
}

func newRuler(text string, tokens func(string) []Span) *ruler {
	r := &ruler{text: text, tokens: tokens != nil}
	if !r.tokens {
		return r
	}
	last := 0
	for _, t := range tokens(text) {
		if t.Start >= last && t.Start < len(text) && utf8.RuneStart(text[t.Start]) {
			r.starts = append(r.starts, t.Start)
			last = t.Start
		}
	}
	return r
}

// reach gives the last place up to which the text from a place measures no more than units, whose characters are
// bounded too.
func (r *ruler) reach(from, units int, share int) int {
	if !r.tokens {
		return r.forward(from, units)
	}
	end := len(r.text)
	if at := r.before(from) + units; at < len(r.starts) {
		end = r.starts[at]
	}
	if end-from <= maxCharacters/share {
		return end
	}
	return min(end, r.forward(from, maxCharacters/share))
}

// back gives the first place from which the text up to a place measures no more than units; see reach.
func (r *ruler) back(to, units int, share int) int {
	if !r.tokens {
		return r.backward(to, units)
	}
	from := 0
	if at := r.before(to) - units; at > 0 {
		from = r.starts[at-1] + 1
		for from < to && !utf8.RuneStart(r.text[from]) {
			from++
		}
	}
	if to-from <= maxCharacters/share {
		return from
	}
	return max(from, r.backward(to, maxCharacters/share))
}

// before is the number of tokens that start before a place.
func (r *ruler) before(at int) int { return sort.SearchInts(r.starts, at) }

// forward goes so many characters on.
func (r *ruler) forward(from, characters int) int {
	if len(r.text)-from <= characters {
		return len(r.text)
	}
	for ; characters > 0 && from < len(r.text); characters-- {
		if r.text[from] < utf8.RuneSelf {
			from++
			continue
		}
		_, size := utf8.DecodeRuneInString(r.text[from:])
		from += size
	}
	return from
}

// backward goes so many characters back.
func (r *ruler) backward(to, characters int) int {
	if to <= characters {
		return 0
	}
	for ; characters > 0 && to > 0; characters-- {
		if r.text[to-1] < utf8.RuneSelf {
			to--
			continue
		}
		_, size := utf8.DecodeLastRuneInString(r.text[:to])
		to -= size
	}
	return to
}
