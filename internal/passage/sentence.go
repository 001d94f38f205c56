package passage

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentences appends where the sentences of a part of a text end, the end of the part last. Space after a sentence
// belongs to it. What has no full stop ends where a paragraph, an element of a list, a heading or a row of a table
// does.
func sentences(dst []int, text string, from, to int) []int {
	s := scanner{text: text[:to], from: from, line: from}
	for at := from; at < to; {
		c := text[at]
		next, end := at+1, false
		switch {
		case c == '\n':
			end = s.breaks(at)
			s.line = at + 1
		case c == '.' || c == '!' || c == '?':
			next, end = s.latin(at)
		case c >= utf8.RuneSelf:
			next, end = s.wide(at)
		}
		if end {
			next = s.space(next)
			if next < to && apart(s.text, from, next) {
				dst = append(dst, next)
			}
		}
		at = next
	}
	return append(dst, to)
}

// scanner finds the ends of sentences.
type scanner struct {
	text string
	from int
	// line is where the present line starts.
	line int
	// quotes are the quotations of the paragraph that ends at paragraph, first one first.
	quotes    []Span
	paragraph int
	fenced    bool
}

// space passes over the space after a sentence, but not over that before the first word of a line.
func (s *scanner) space(at int) int {
	if at > s.from && s.text[at-1] == '\n' {
		s.line = at
	}
	for next := at; next < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[next:])
		if !unicode.IsSpace(r) {
			if s.line > at || s.line == at && at > s.from {
				return s.line
			}
			return next
		}
		if next += size; r == '\n' {
			s.line = next
		}
	}
	return len(s.text)
}

// breaks reports whether a sentence ends with the line that ends at a place.
func (s *scanner) breaks(at int) bool {
	present := strings.TrimRight(s.text[s.line:at], "\r")
	if fenceOf(present) != "" {
		s.fenced = !s.fenced
		return true
	}
	if at+1 >= len(s.text) || s.fenced {
		return true
	}
	next := lineAt(s.text, at+1)
	if strings.TrimSpace(next) == "" || marked(next) || fenceOf(next) != "" || strings.HasPrefix(next, "\u3000") {
		return true
	}
	if level, _ := atx(next); level > 0 {
		return true
	}
	if level, _ := atx(present); level > 0 {
		return true
	}
	trimmed := strings.TrimLeft(present, " \t")
	return strings.HasPrefix(trimmed, "|") || underlines(present) > 0
}

// wide looks at a character beyond ASCII: where to go on, and whether a sentence ends there.
func (s *scanner) wide(at int) (next int, end bool) {
	r, size := utf8.DecodeRuneInString(s.text[at:])
	next = at + size
	if opens(r) {
		return max(s.quoted(at), next), s.quoteEnds(at, next)
	}
	if !terminates(r) || r == '．' && s.digits(at, next) {
		return next, false
	}
	next, _ = s.closers(s.terminators(next))
	return next, true
}

// quoted gives the end of the quotation that starts at a place, 0 if it does not end soon.
func (s *scanner) quoted(at int) int {
	if at >= s.paragraph {
		s.paragraph = len(s.text)
		if end := strings.IndexByte(s.text[at:], '\n'); end >= 0 {
			s.paragraph = at + end
		}
		s.quotes = quotations(s.quotes[:0], s.text, at, s.paragraph)
	}
	for len(s.quotes) > 0 && s.quotes[0].Start < at {
		s.quotes = s.quotes[1:]
	}
	if len(s.quotes) > 0 && s.quotes[0].Start == at && s.quotes[0].End-at <= maxQuoteBytes {
		return s.quotes[0].End
	}
	return 0
}

// quoteEnds reports whether a sentence ends with the quotation that starts at a place: if one ends in it, and nothing
// follows that carries on, as in 「はい。」と言った。
func (s *scanner) quoteEnds(at, next int) bool {
	end := s.quoted(at)
	if end <= next {
		return false
	}
	inner := strings.TrimRightFunc(s.text[next:end], closes)
	last, _ := utf8.DecodeLastRuneInString(inner)
	if !terminates(last) && last != '!' && last != '?' {
		return false
	}
	follows, _ := utf8.DecodeRuneInString(s.text[end:])
	return !unicode.Is(unicode.Hiragana, follows) && !endsPhrase(follows)
}

// quotations finds the quotations in a part of a text, by where they start.
func quotations(dst []Span, text string, from, to int) []Span {
	var open []int // places in dst of those that are open
	for at := from; at < to; {
		r, size := utf8.DecodeRuneInString(text[at:to])
		switch {
		case opens(r):
			open = append(open, len(dst))
			dst = append(dst, Span{Start: at})
		case closes(r) && len(open) > 0:
			dst[open[len(open)-1]].End = at + size
			open = open[:len(open)-1]
		}
		at += size
	}
	for _, i := range open {
		dst[i].End = len(text) + maxQuoteBytes // never closed
	}
	return dst
}

// digits reports whether a place lies between two digits.
func (s *scanner) digits(at, next int) bool {
	before, _ := utf8.DecodeLastRuneInString(s.text[s.from:at])
	after, _ := utf8.DecodeRuneInString(s.text[next:])
	return unicode.IsDigit(before) && unicode.IsDigit(after)
}

// terminators passes over the ends of sentences.
func (s *scanner) terminators(at int) int {
	for at < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[at:])
		if !terminates(r) && r != '.' && r != '!' && r != '?' {
			break
		}
		at += size
	}
	return at
}

// closers passes over closing quotation marks and brackets.
func (s *scanner) closers(at int) (next int, any bool) {
	for next = at; next < len(s.text); {
		r, size := utf8.DecodeRuneInString(s.text[next:])
		if !closes(r) && !closesLatin(r) {
			break
		}
		next += size
	}
	return next, next > at
}

// terminates reports whether r, beyond ASCII, ends a sentence.
func terminates(r rune) bool {
	switch r {
	case '。', '！', '？', '．', '｡', '‼', '⁇', '⁈', '⁉', '।':
		return true
	}
	return false
}

// opens and closes know the brackets of Japanese.
func opens(r rune) bool {
	switch r {
	case '「', '『', '（', '【', '〔', '［', '《', '〈', '〝':
		return true
	}
	return false
}

func closes(r rune) bool {
	switch r {
	case '」', '』', '）', '】', '〕', '］', '》', '〉', '〟', '｣':
		return true
	}
	return false
}

func closesLatin(r rune) bool {
	switch r {
	case ')', ']', '}', '"', '\'', '”', '’', '»':
		return true
	}
	return false
}
