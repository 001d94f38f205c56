package analysis_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/sparse/analysis"
)

var registry = analysis.NewRegistry()

func get(t testing.TB, name string) analysis.Analyzer {
	t.Helper()
	a, err := registry.Get(name)
	require.NoError(t, err)
	return a
}

func terms(t testing.TB, name, text string) string {
	var out []string
	for _, tok := range get(t, name).Analyze(nil, text) {
		out = append(out, tok.Term)
	}
	return strings.Join(out, "|")
}

func TestTerms(t *testing.T) {
	for _, c := range []struct{ name, analyzer, text, want string }{
		{"empty", "standard", "", ""},
		{"punctuation only", "standard", " -- … !", ""},
		{"words and case", "standard", "The Quick-brown FOX, 3.14!", "the|quick|brown|fox|3.14"},
		{"full width", "standard", "ＡＢＣ１２３", "abc123"},
		{"half-width katakana", "standard", "ｶﾞﾗｽ", "ガラス"},
		{"accents stay", "standard", "Café E\u0301COLE", "café|école"},
		{"emoji dropped", "standard", "fire 🔥 drill", "fire|drill"},
		{"arabic", "standard", "مرحبا بالعالم", "مرحبا|بالعالم"},
		{"invalid bytes separate", "standard", "one\xfftwo", "one|two"},
		{"long word in pieces", "standard", strings.Repeat("a", 300), strings.Repeat("a", 255) + "|" + strings.Repeat("a", 45)},
		{"stop words and stems", "english", "The cats were running to the libraries", "cat|were|run|librari"},
		{"possessive", "english", "the patient's cells’ growth", "patient|cell|growth"},
		{"bigrams", "cjk_bigram", "東京都に", "東京|京都|都に"},
		{"single character", "cjk_bigram", "水 water", "水|water"},
		{"hangul bigrams", "cjk_bigram", "서울시", "서울|울시"},
		{"mixed", "cjk_bigram", "Go言語1.2", "go|言語|1.2"},
		{"search mode parts a compound", "japanese", "関西国際空港", "関西|国際|空港"},
		{"particles removed", "japanese", "東京に行った。", "東京|行く"},
		{"adjective base form", "japanese", "美しかった", "美しい"},
		{"half-width and latin", "japanese", "ＡＰＩとｻｰﾊﾞｰ", "api|サーバ"},
		{"latin only", "japanese", "Deep Learning", "deep|learning"},
	} {
		t.Run(c.analyzer+" "+c.name, func(t *testing.T) {
			require.Equal(t, c.want, terms(t, c.analyzer, c.text))
		})
	}
}

func TestRemovedTokensLeaveGaps(t *testing.T) {
	got := get(t, "english").Analyze(nil, "state of the art")
	require.Equal(t, []analysis.Token{{Term: "state", Start: 0, End: 5}, {Term: "art", Start: 13, End: 16, Position: 3}}, got)
}

func TestOffsetsAreTheOriginals(t *testing.T) {
	text := "ＡＢ ｶﾞﾗｽ㍿"
	for _, tok := range get(t, "standard").Analyze(nil, text) {
		require.NotEmpty(t, text[tok.Start:tok.End])
	}
	first := get(t, "standard").Analyze(nil, text)[0]
	require.Equal(t, "ＡＢ", text[first.Start:first.End])
}

func TestUnknownAnalyzerNamesTheKnown(t *testing.T) {
	_, err := registry.Get("klingon")
	require.ErrorIs(t, err, analysis.ErrUnknownAnalyzer)
	require.ErrorContains(t, err, "klingon")
	require.ErrorContains(t, err, "standard, english, japanese, cjk_bigram")
	a, err := registry.Get("")
	require.NoError(t, err)
	require.Equal(t, "standard", a.Name())
}

// checkTokens holds what is true of the tokens of any text.
func checkTokens(t require.TestingT, text string, tokens []analysis.Token) {
	start, position := 0, -1
	for _, tok := range tokens {
		require.NotEmpty(t, tok.Term)
		require.GreaterOrEqual(t, tok.Start, start)
		require.Greater(t, tok.End, tok.Start)
		require.LessOrEqual(t, tok.End, len(text))
		require.Greater(t, tok.Position, position)
		start, position = tok.Start, tok.Position
	}
}

func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("aA 'sé東京タｶﾞー々。1２\u0301\xff"))),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		for _, name := range registry.Names() {
			a, err := registry.Get(name)
			require.NoError(t, err)
			checkTokens(t, text, a.Analyze(nil, text))
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	fresh := analysis.NewRegistry()
	texts := []string{"東京都の地震速報システム", "running libraries", "ｶﾞﾗｽ"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, name := range fresh.Names() {
				a, err := fresh.Get(name)
				if err != nil {
					panic(err)
				}
				for _, text := range texts {
					a.Analyze(nil, text)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, "東京|都|地震|速報|システム", terms(t, "japanese", texts[0]))
}

func FuzzAnalyze(f *testing.F) {
	f.Add("The quick 東京 ｶﾞ\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range registry.Names() {
			checkTokens(t, text, get(t, name).Analyze(nil, text))
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	for name, text := range map[string]string{
		"english":    strings.Repeat("Hematopoietic stem cells were transplanted into the recipients of bone marrow. ", 20),
		"japanese":   strings.Repeat("東京都では地震速報システムの運用が始まった。", 20),
		"cjk_bigram": strings.Repeat("東京都では地震速報システムの運用が始まった。", 20),
	} {
		b.Run(name, func(b *testing.B) {
			a := get(b, name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var dst []analysis.Token
			for b.Loop() {
				dst = a.Analyze(dst[:0], text)
			}
		})
	}
}
