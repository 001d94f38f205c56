package source

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// block puts words into lines and paragraphs.
type block struct {
	strings.Builder
	// space says that space came since the last word, newline that there was a line feed in it.
	space, newline bool
	// feeds is how many line feeds are due before the next word, marked whether what was written last is a mark, after
	// which there is no space.
	feeds  int
	marked bool
	last   rune
}

// breakOff ends the line, or with 2 the paragraph.
func (b *block) breakOff(feeds int) {
	if b.Len() > 0 && !b.marked {
		b.feeds = max(b.feeds, feeds)
	}
	b.space = false
}

// mark begins a line by what is no word.
func (b *block) mark(text string) {
	b.flush(text)
	b.WriteString(text)
	b.marked, b.space = true, false
	b.last = ' '
}

// raw writes a text as it is.
func (b *block) raw(text string) {
	if text == "" {
		return
	}
	b.flush(text)
	b.WriteString(text)
	b.last, _ = utf8.DecodeLastRuneInString(text)
	b.marked = false
}

// words writes a text with one space where it has any. Between Japanese characters a line feed is no space.
func (b *block) words(text string) {
	for text != "" {
		at := strings.IndexFunc(text, collapses)
		if at != 0 {
			word := text
			if at > 0 {
				word = text[:at]
			}
			b.flush(word)
			b.WriteString(word)
			b.last, _ = utf8.DecodeLastRuneInString(word)
			b.marked = false
			text = text[len(word):]
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return !collapses(r) })
		if end < 0 {
			end = len(text)
		}
		b.newline = strings.Contains(text[:end], "\n") || b.newline && b.space
		b.space = b.Len() > 0 && !b.marked
		text = text[end:]
	}
}

// flush writes what is due before a word.
func (b *block) flush(word string) {
	first, _ := utf8.DecodeRuneInString(word)
	switch {
	case b.feeds > 0:
		b.WriteString(strings.Repeat("\n", b.feeds))
	case b.space && !(b.newline && unspaced(b.last) && unspaced(first)):
		b.WriteByte(' ')
	}
	b.feeds, b.space, b.newline = 0, false, false
}

// collapses reports whether a character is space that HTML takes for one with its like: not the full-width space, nor
// one that does not break.
func collapses(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f' }

// unspaced reports whether a character is of a script that is written without spaces.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f ||
		r >= 0xff00 && r <= 0xff60
}
