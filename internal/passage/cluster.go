package passage

import (
	"unicode"
	"unicode/utf8"
)

const (
	zeroWidthJoiner    = '\u200d'
	zeroWidthNonJoiner = '\u200c'
)

// apart reports whether a text may be cut at a place without tearing what a reader takes for one character (grapheme
// clusters, Unicode Standard Annex #29). from is a place before it where it may be. There are places that it refuses
// though the annex allows them.
func apart(text string, from, at int) bool {
	if at <= from || at >= len(text) {
		return true
	}
	next, _ := utf8.DecodeRuneInString(text[at:])
	last, _ := utf8.DecodeLastRuneInString(text[:at])
	switch {
	case last == '\r' && next == '\n':
		return false
	case last < 0x300 && next < 0x300, separates(last):
		return true
	case extends(next), last == zeroWidthJoiner, unicode.Is(unicode.Prepended_Concatenation_Mark, last):
		return false
	case regional(last) && regional(next):
		return regionalsBefore(text, from, at)%2 == 0
	case hangul(last) && hangul(next):
		return syllable(next)
	case unicode.IsLetter(next):
		return !linked(text, from, at)
	}
	return true
}

// separates reports whether nothing joins a character to what follows.
func separates(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Cf, r) && !extends(r) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// extends reports whether a character belongs to the one before it.
func extends(r rune) bool {
	switch {
	case r == zeroWidthJoiner || r == zeroWidthNonJoiner:
		return true
	case r >= 0x1f3fb && r <= 0x1f3ff: // skin tones
		return true
	case r >= 0xe0020 && r <= 0xe007f: // tags of flags
		return true
	}
	// Thai and Lao AM are letters that belong to the one before.
	return unicode.Is(unicode.M, r) || unicode.Is(unicode.Other_Grapheme_Extend, r) || r == 0xe33 || r == 0xeb3
}

// regional reports whether two of r make a flag.
func regional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// regionalsBefore counts the regional indicators that end at a place.
func regionalsBefore(text string, from, at int) int {
	n := 0
	for at > from {
		r, size := utf8.DecodeLastRuneInString(text[from:at])
		if !regional(r) {
			break
		}
		n++
		at -= size
	}
	return n
}

// hangul reports whether r is a part of a Korean syllable, or one.
func hangul(r rune) bool {
	return r >= 0x1100 && r <= 0x11ff || r >= 0xa960 && r <= 0xa97c || r >= 0xd7b0 && r <= 0xd7fb || syllable(r)
}

// syllable reports whether r is a whole Korean syllable, before which one may cut.
func syllable(r rune) bool { return r >= 0xac00 && r <= 0xd7a3 }

// linked reports whether a virama before a place joins the letter after it to the one before.
func linked(text string, from, at int) bool {
	for at > from {
		r, size := utf8.DecodeLastRuneInString(text[from:at])
		switch r {
		case 0x94d, 0x9cd, 0xacd, 0xb4d, 0xc4d, 0xd4d:
			return true
		}
		if !extends(r) {
			return false
		}
		at -= size
	}
	return false
}
