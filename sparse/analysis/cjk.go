package analysis

import "unicode/utf8"

type bigram struct{}

func (bigram) Name() string { return "cjk_bigram" }

func (bigram) Analyze(dst []Token, text string) []Token {
	w := newWordWriter(dst, text)
	eachRun(w.text.text, isCJK, func(from, to int, accepted bool) {
		if accepted {
			w.bigrams(from, to)
		} else {
			w.words(from, to)
		}
	})
	return w.dst
}

// bigrams appends the overlapping pairs of characters in [from, to), or the only character.
func (w *wordWriter) bigrams(from, to int) {
	text := w.text.text[:to]
	_, size := utf8.DecodeRuneInString(text[from:])
	middle := from + size
	if middle == to {
		w.add(text[from:], from, to)
		return
	}
	for middle < to {
		_, size = utf8.DecodeRuneInString(text[middle:])
		w.add(text[from:middle+size], from, middle+size)
		from, middle = middle, middle+size
	}
}
