package analysis

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalized is a text in form KC and the way back to the original's offsets.
type normalized struct {
	text string
	// starts[i] and ends[i] are where the piece that gave byte i begins and ends in the original; nil if
	// both texts are the same.
	starts, ends []int32
}

func normalize(text string) normalized {
	if isASCII(text) || norm.NFKC.IsNormalString(text) {
		return normalized{text: text}
	}
	n := normalized{starts: make([]int32, 0, len(text)), ends: make([]int32, 0, len(text))}
	var out strings.Builder
	out.Grow(len(text))
	var it norm.Iter
	it.InitString(norm.NFKC, text)
	for !it.Done() {
		from := it.Pos()
		piece := it.Next()
		out.Write(piece)
		for range piece {
			n.starts = append(n.starts, int32(from))
		}
		// A character that expands comes in several pieces; the iterator moves on with the last of them.
		if to := it.Pos(); to > from {
			for len(n.ends) < len(n.starts) {
				n.ends = append(n.ends, int32(to))
			}
		}
	}
	for len(n.ends) < len(n.starts) {
		n.ends = append(n.ends, int32(len(text)))
	}
	n.text = out.String()
	return n
}

// span gives the original's offsets of the bytes [from, to), which must not be empty.
func (n *normalized) span(from, to int) (start, end int) {
	if n.starts == nil {
		return from, to
	}
	return int(n.starts[from]), int(n.ends[to-1])
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
