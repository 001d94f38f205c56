package analysis

import (
	"slices"
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
		rapid.StringOf(rapid.SampledFrom([]rune("aA 'sé東京タｶﾞー々。・１2\u0301\ufffd㍿ﬁßΣÅİ"+
			"\u00ad\ufe0f서א\"\U00020bb7"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

// checkWords holds words to the library's, which knows no short cuts.
func checkWords(t require.TestingT, given string) {
	text := normalize(given)
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
	require.Equal(t, want, got, "%q", given)
}

func TestWordsAreThoseOfTheStandard(t *testing.T) {
	t.Run("all texts of five characters", func(t *testing.T) {
		kinds := []rune("a0_:.,é\u0301 ")
		var text [5]rune
		var grow func(n int)
		grow = func(n int) {
			if n == len(text) {
				checkWords(t, string(text[:]))
				return
			}
			for _, text[n] = range kinds {
				grow(n + 1)
			}
		}
		grow(0)
	})
	t.Run("each ascii character between others", func(t *testing.T) {
		for c := range rune(utf8.RuneSelf) {
			for _, around := range []string{"a%a", "0%0", "_%_", "é%é", "A%0", " %a"} {
				checkWords(t, strings.Replace(around, "%", string(c), 1))
			}
		}
	})
	t.Run("any text", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkWords(t, anyText().Draw(t, "text")) })
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

func TestDictionaryIsLoadedByJapaneseOnly(t *testing.T) {
	var j japanese
	j.Analyze(nil, "plain text, ＡＢＣ, élan, мир, 서울, 🔥, ไทย")
	require.Nil(t, j.dict)
	j.Analyze(nil, "水")
	require.NotNil(t, j.dict)
}

func TestMorphemesStayInsideTheirRuns(t *testing.T) {
	var j japanese
	j.Analyze(nil, "水")
	// No morpheme of the dictionary is known to cross a border of scripts, so borders are put inside two.
	w := newWordWriter(nil, "静岡朝日テレビ東京駅")
	j.sentence(&w, []run{{0, 3, true}, {3, 6, false}, {6, 24, true}, {24, 27, false}, {27, 30, true}})
	var got []string
	for _, tok := range w.dst {
		got = append(got, tok.Term)
	}
	require.Equal(t, []string{"静", "岡", "朝日テレビ", "東", "京", "駅"}, got)
}

func TestSentencesCoverTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := normalize(strings.Repeat(anyText().Draw(t, "text"), rapid.IntRange(1, 100).Draw(t, "times"))).text
		at := 0
		eachSentence(text, func(s []run) {
			from := at
			for _, r := range s {
				require.Equal(t, at, r.from)
				require.Greater(t, r.to, r.from)
				require.True(t, utf8.ValidString(text[r.from:r.to]))
				at = r.to
			}
			if len(s) > 1 || s[0].japanese {
				require.LessOrEqual(t, at-from, maxSentenceBytes)
			}
		})
		require.Equal(t, len(text), at)
	})
}

func TestStemsAreBoundedAndRight(t *testing.T) {
	e := newEnglish()
	for i := range 3 * stemSlots {
		word := "word" + strings.Repeat("a", i%7) + string(rune('a'+i%26)) + string(rune(0x4e00+i%20000)) + "ing"
		require.Equal(t, e.compute(word), e.term(word))
		require.Equal(t, e.compute(word), e.term(word))
	}
}

func TestLowerASCII(t *testing.T) {
	for c := range 256 {
		// At every place of a word of eight and behind it, beside bytes that would carry.
		for at := range 10 {
			text := []byte("A\xffZz[@\x80a{\x00")
			text[at] = byte(c)
			want := slices.Clone(text)
			for i, b := range want {
				if 'A' <= b && b <= 'Z' {
					want[i] = b + 'a' - 'A'
				}
			}
			require.Equal(t, string(want), lowerASCII(string(text)))
			require.Equal(t, c < utf8.RuneSelf, isASCII(strings.Repeat("a", at)+string([]byte{byte(c)})+"bcdefghi"))
		}
	}
}
