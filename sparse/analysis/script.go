package analysis

import "unicode"

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
	switch {
	case r < 0x3005:
		return false
	case r >= 0x3041 && r <= 0x3096, r >= 0x30a1 && r <= 0x30fa, r >= 0x4e00 && r <= 0x9fff:
		return true
	case r == 'ー', r == '々', r == '〆', r >= 0xac00 && r <= 0xd7a3:
		return r < 0xac00
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// isCJK accepts Japanese and Hangul.
func isCJK(r rune) bool {
	return r >= 0x1100 && (isJapanese(r) || unicode.Is(unicode.Hangul, r))
}
