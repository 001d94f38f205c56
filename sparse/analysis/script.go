package analysis

import (
	"unicode"
	"unicode/utf8"
)

// eachRun cuts text into runs of characters that in accepts and runs of the others.
func eachRun(text string, in func(r rune) bool, fn func(from, to int, accepted bool)) {
	from, present := 0, false
	for i, r := range text {
		accepted := in(r)
		if i > from && accepted != present {
			fn(from, i, present)
			from = i
		}
		present = accepted
	}
	if from < len(text) {
		fn(from, len(text), present)
	}
}

// isJapanese accepts Han and Kana with their iteration and length marks.
func isJapanese(r rune) bool {
	if r < 0x3005 {
		return false
	}
	return r == 'ー' || r == '々' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// isCJK accepts Japanese and Hangul.
func isCJK(r rune) bool {
	return r >= 0x1100 && (isJapanese(r) || unicode.Is(unicode.Hangul, r))
}

type bigram struct{}

func (bigram) Name() string { return "cjk_bigram" }

func (bigram) Analyze(dst []Token, text string) []Token {
	n := normalize(text)
	w := wordWriter{dst: dst, text: &n}
	eachRun(n.text, isCJK, func(from, to int, accepted bool) {
		if !accepted {
			w.words(from, to)
			return
		}
		_, size := utf8.DecodeRuneInString(n.text[from:])
		if from+size == to {
			w.add(n.text[from:to], from, to)
			return
		}
		for at, next := from, from+size; next < to; {
			_, size := utf8.DecodeRuneInString(n.text[next:])
			w.add(n.text[at:next+size], at, next+size)
			at, next = next, next+size
		}
	})
	return w.dst
}
