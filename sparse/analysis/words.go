package analysis

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
)

// wordWriter appends the words of a normalized text as tokens.
type wordWriter struct {
	dst      []Token
	text     normalized
	position int
	// term turns a folded word into its term, "" to leave it out; nil keeps it.
	term func(word string) string
}

// newWordWriter normalizes text, whose tokens go behind dst.
func newWordWriter(dst []Token, text string) wordWriter {
	// English has a word in five to six bytes, Japanese in six to nine.
	return wordWriter{dst: slices.Grow(dst, len(text)/5+1), text: normalize(text)}
}

// words appends the words in [from, to) of the normalized text, which must begin and end between words.
func (w *wordWriter) words(from, to int) {
	text := w.text.text[:to]
	for at := from; at < to; {
		if c := text[at]; c < utf8.RuneSelf {
			if !startsASCIIWord(c) {
				at++
				continue
			}
			if end, alnum, ok := asciiWord(text, at); ok {
				switch {
				case !alnum:
				case end-at <= maxTermBytes:
					w.add(text[at:end], at, end)
				default:
					w.word(at, end)
				}
				at = end
				continue
			}
		}
		it := words.FromString(text[at:])
		it.Next()
		if word := it.Value(); hasAlphanumeric(word) {
			w.word(at, at+len(word))
		}
		at += it.End()
	}
}

// word appends the word at [from, to), in pieces if it is too long.
func (w *wordWriter) word(from, to int) {
	for to-from > maxTermBytes {
		end := from + maxTermBytes
		for !utf8.RuneStart(w.text.text[end]) {
			end--
		}
		w.piece(from, end)
		from = end
	}
	w.piece(from, to)
}

func (w *wordWriter) piece(from, to int) {
	term := w.text.text[from:to]
	if !isASCII(term) {
		term = fold(term)
	}
	w.add(term, from, to)
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
	for _, r := range word {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return true
		}
	}
	return false
}
