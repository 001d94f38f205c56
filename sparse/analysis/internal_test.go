package analysis

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// anyText draws texts of all kinds, rich in what the analyzers treat specially.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("abZ09 ._,:;'’\"-\u0301é"))),
		rapid.StringOf(rapid.SampledFrom([]rune("aA 'sé東京タｶﾞー々。・１2\u0301\ufffd㍿ﬁßΣÅİ\u00ad\ufe0f서א\"\U00020bb7"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

func TestWordsAreThoseOfTheStandard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := normalize(anyText().Draw(t, "text"))
		var want, got []string
		it := words.FromString(text.text)
		for it.Next() {
			if hasAlphanumeric(it.Value()) {
				want = append(want, fold(it.Value()))
			}
		}
		w := wordWriter{text: text}
		w.words(0, len(text.text))
		for _, tok := range w.dst {
			got = append(got, tok.Term)
		}
		require.Equal(t, want, got)
	})
}

func TestNormalizeIsFormKC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		n := normalize(text)
		stripped := strings.Map(func(r rune) rune {
			if ignorable(r) {
				return -1
			}
			return r
		}, blankInvalid(text))
		require.True(t, utf8.ValidString(n.text))
		require.Equal(t, lowerASCII(norm.NFKC.String(stripped)), n.text)
		at := 0
		for i := range n.text {
			_, size := utf8.DecodeRuneInString(n.text[i:])
			start, end := n.span(i, i+size)
			require.GreaterOrEqual(t, start, at)
			require.Greater(t, end, start)
			require.LessOrEqual(t, end, len(text))
			at = start
		}
	})
}

func TestFoldTwiceIsFoldOnce(t *testing.T) {
	for r := rune(0x80); r <= utf8.MaxRune; r++ {
		once := fold(normalize("x" + string(r)).text)
		require.Equal(t, once, fold(normalize(once).text), "%U", r)
	}
	rapid.Check(t, func(t *rapid.T) {
		once := fold(normalize(anyText().Draw(t, "text")).text)
		require.Equal(t, once, fold(normalize(once).text))
	})
}
