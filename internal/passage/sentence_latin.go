package passage

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// latin looks at a full stop, an exclamation mark or a question mark: where to go on, and whether a sentence ends
// there. It goes by the rules of Unicode Standard Annex #29 for sentences, and by what English abbreviates.
func (s *scanner) latin(at int) (next int, end bool) {
	after := s.terminators(at + 1)
	next, closed := s.closers(after)
	if next >= len(s.text) {
		return next, true
	}
	follows, _ := utf8.DecodeRuneInString(s.text[next:])
	if !unicode.IsSpace(follows) {
		// Japanese puts no space after them.
		before, _ := utf8.DecodeLastRuneInString(s.text[s.from:at])
		return next, s.text[at] != '.' && (asian(follows) || asian(before))
	}
	word := strings.TrimLeftFunc(s.text[next:], unicode.IsSpace)
	if space := s.text[next : len(s.text)-len(word)]; word == "" || strings.Count(space, "\n") > 1 {
		return next, true
	}
	first, _ := utf8.DecodeRuneInString(word)
	if opensLatin(first) {
		first, _ = utf8.DecodeRuneInString(strings.TrimLeftFunc(word, opensLatin))
	}
	stop := s.text[at] == '.'
	if unicode.IsLower(first) && (stop || closed) {
		return next, false
	}
	if stop && after == at+1 && s.abbreviated(at, word) {
		return next, false
	}
	return next, true
}

func opensLatin(r rune) bool {
	switch r {
	case '(', '[', '{', '"', '\'', '“', '‘', '«':
		return true
	}
	return false
}

// asian reports whether r is of a script that is written without spaces.
func asian(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || opens(r) || closes(r)
}

// abbreviated reports whether the full stop at a place belongs to the word before it, and ends no sentence; follows
// is the text after it.
func (s *scanner) abbreviated(at int, follows string) bool {
	start := at
	for start > max(s.from, at-maxWordBytes) && (letter(s.text[start-1]) || s.text[start-1] == '.') {
		start--
	}
	word := s.text[start:at]
	if word == "" {
		return s.enumerates(at)
	}
	if start > s.from && s.text[start-1] >= utf8.RuneSelf {
		return false // the end of a word with letters beyond ASCII
	}
	if len(word) == 1 {
		return word[0] >= 'A' && word[0] <= 'Z' && word[0] != 'I' || digitFirst(follows) &&
			(word == "p" || word == "s")
	}
	if inner := strings.Split(word, "."); len(inner) > 1 && len(inner[0]) == 1 {
		// "U.S." and "e.g." are followed by more; "p.m." may end a sentence.
		return strings.ToUpper(word) == word || word == "e.g" || word == "i.e" || digitFirst(follows)
	}
	switch strings.ToLower(word) {
	case "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "gov", "gen", "col", "capt", "lt", "sgt", "messrs", "st", "mt",
		"fig", "figs", "eq", "eqs", "vol", "vols", "cf", "vs", "viz", "approx", "ca":
		return true
	case "no", "nos", "sec", "secs", "ch", "chap", "art", "tab", "ref", "refs", "pp", "al", "ed", "eds", "app",
		"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec":
		return digitFirst(follows)
	}
	return false
}

// enumerates reports whether a full stop follows a number that a line begins with.
func (s *scanner) enumerates(at int) bool {
	if at-s.line > maxWordBytes {
		return false
	}
	number := strings.TrimLeft(s.text[s.line:at], " \t")
	return numbered(number + ". ")
}

// digitFirst reports whether a text begins with a number, or a bracket around one or more.
func digitFirst(text string) bool {
	text = strings.TrimLeft(text, "([")
	return text != "" && text[0] >= '0' && text[0] <= '9'
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
