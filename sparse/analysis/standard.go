package analysis

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
)

// maxTermBytes bounds a term: longer words (encoded data, most often) are cut into pieces of at most this.
const maxTermBytes = 255

type standard struct{}

func (standard) Name() string { return "standard" }

func (standard) Analyze(dst []Token, text string) []Token {
	n := normalize(text)
	w := wordWriter{dst: dst, text: &n}
	w.words(0, len(n.text))
	return w.dst
}

// wordWriter appends the words of a normalized text as tokens.
type wordWriter struct {
	dst      []Token
	text     *normalized
	position int
	// term turns a lower-cased word into its term, "" to leave it out; nil keeps it.
	term func(word string) string
}

// words appends the words in [from, to) of the normalized text.
func (w *wordWriter) words(from, to int) {
	it := words.FromString(w.text.text[from:to])
	for it.Next() {
		if word := it.Value(); hasAlphanumeric(word) {
			w.word(from+it.Start(), from+it.End())
		}
	}
}

// word appends the word at [from, to), in pieces if it is too long.
func (w *wordWriter) word(from, to int) {
	for from < to {
		end := to
		if end-from > maxTermBytes {
			end = from + maxTermBytes
			for end > from+1 && !utf8.RuneStart(w.text.text[end]) {
				end--
			}
		}
		w.add(strings.ToLower(w.text.text[from:end]), from, end)
		from = end
	}
}

// add appends one token, unless its term is to be left out.
func (w *wordWriter) add(term string, from, to int) {
	if w.term != nil {
		term = w.term(term)
	}
	if term != "" {
		start, end := w.text.span(from, to)
		w.dst = append(w.dst, Token{Term: term, Start: start, End: end, Position: w.position})
	}
	w.position++
}

func hasAlphanumeric(word string) bool {
	for i, r := range word {
		if r < utf8.RuneSelf {
			if c := word[i] | 0x20; c >= 'a' && c <= 'z' || r >= '0' && r <= '9' {
				return true
			}
		} else if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return true
		}
	}
	return false
}
