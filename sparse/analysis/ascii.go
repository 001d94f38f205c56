package analysis

import "unicode/utf8"

// asciiKinds says of each ASCII character, in lower case, what UAX 29 takes it for inside a word: a letter
// (a), a digit (0), a part of a word that is no reason for one (_), what joins letters (:), digits (,) or
// both (.), or none of these (space).
const asciiKinds = "                                " + // controls
	"       .    , . " + "0000000000:,    " + // punctuation and digits
	" aaaaaaaaaaaaaaaaaaaaaaaaaa    _" + // upper case
	" aaaaaaaaaaaaaaaaaaaaaaaaaa     " // lower case

// startsASCIIWord reports whether a word of UAX 29 begins with the ASCII character c.
func startsASCIIWord(c byte) bool {
	kind := asciiKinds[c]
	return kind == 'a' || kind == '0' || kind == '_'
}

// asciiWord gives the end of the word of ASCII characters that begins at the offset at, and whether it has
// a letter or digit. It is not ok where what is not ASCII has a say in the end.
func asciiWord(text string, at int) (end int, alnum, ok bool) {
	last := byte(' ')
	for i := at; ; i++ {
		if i == len(text) {
			return i, alnum, true
		}
		if text[i] >= utf8.RuneSelf {
			return 0, false, false
		}
		kind := asciiKinds[text[i]]
		switch kind {
		case 'a', '0':
			alnum = true
			last = kind
			continue
		case '_':
			last = kind
			continue
		case ' ':
			return i, alnum, true
		}
		if i+1 == len(text) {
			return i, alnum, true
		}
		next := text[i+1]
		if next >= utf8.RuneSelf {
			return 0, false, false
		}
		if asciiKinds[next] != last || last == '_' || last == '0' && kind == ':' || last == 'a' && kind == ',' {
			return i, alnum, true
		}
	}
}
