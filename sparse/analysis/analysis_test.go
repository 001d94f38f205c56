package analysis_test

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

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
	long := strings.Repeat("a", 255)
	for _, c := range []struct{ name, analyzer, text, want string }{
		{"empty", "standard", "", ""},
		{"punctuation only", "standard", " -- … !_", ""},
		{"words and case", "standard", "The Quick-brown FOX, 3.14!", "the|quick|brown|fox|3.14"},
		{"joined words", "standard", "Don't U.S.A. 1,000 snake_case a:b x.1", "don't|u.s.a|1,000|snake_case|a:b|x|1"},
		{"full width", "standard", "ＡＢＣ１２３", "abc123"},
		{"half-width katakana", "standard", "ｶﾞﾗｽ", "ガラス"},
		{"accents stay", "standard", "Café E\u0301COLE", "café|école"},
		{"full case folding", "standard", "Straße ΟΔΟΣ οδος İZMİR", "strasse|οδοσ|οδοσ|izmir"},
		{"ligatures and squares", "standard", "ﬁre ㎏", "fire|kg"},
		{"ignorable characters", "standard", "c\u00ado\ufeffo\u200dp\u200ee\u202ar\u2060a\u034ft\u061ce\U000e0001d", "cooperated"},
		{"emoji dropped", "standard", "fire 🔥👩‍🚒 drill", "fire|drill"},
		{"arabic", "standard", "مرحبا بالعالم", "مرحبا|بالعالم"},
		{"thai by character", "standard", "ไทย", "ไ|ท|ย"},
		{"hangul in words", "standard", "서울 시청", "서울|시청"},
		{"han by character", "standard", "東京タワー", "東|京|タワー"},
		{"invalid bytes separate", "standard", "one\xfftwo\xe3\x81", "one|two"},
		{"long word in pieces", "standard", long + long[:45], long + "|" + long[:45]},
		{"pieces of whole characters", "standard", strings.Repeat("Ж", 130), strings.Repeat("ж", 127) + "|жжж"},
		{"empty", "english", "", ""},
		{"stop words and stems", "english", "The cats were running to the libraries", "cat|were|run|librari"},
		{"possessive", "english", "the patient's cells’ growth, Parkinson’s", "patient|cell|growth|parkinson"},
		{"upper-case stop words", "english", "THE END", "end"},
		{"japanese as standard", "english", "API の仕様", "api|の|仕|様"},
		{"empty", "cjk_bigram", "", ""},
		{"bigrams", "cjk_bigram", "東京都に", "東京|京都|都に"},
		{"single character", "cjk_bigram", "水 water", "水|water"},
		{"hangul bigrams", "cjk_bigram", "서울시", "서울|울시"},
		{"half-width bigrams", "cjk_bigram", "ｶﾞﾗｽ", "ガラ|ラス"},
		{"outside the basic plane", "cjk_bigram", "\U00020bb7野家", "\U00020bb7野|野家"},
		{"mixed", "cjk_bigram", "Go言語1.2", "go|言語|1.2"},
		{"empty", "japanese", "", ""},
		{"search mode parts a compound", "japanese", "関西国際空港", "関西|国際|空港"},
		{"particles removed", "japanese", "東京に行った。", "東京|行く"},
		{"adjective base form", "japanese", "美しかった", "美しい"},
		{"half-width and latin", "japanese", "ＡＰＩとｻｰﾊﾞｰ", "api|サーバ"},
		{"short katakana keeps its mark", "japanese", "コピー", "コピー"},
		{"names at a middle dot", "japanese", "エドガー・フーヴァー", "エドガ|フーヴァ"},
		{"particle behind a bracket", "japanese", "会議（第2回）が終わる", "会議|第|2|回|終わる"},
		{"numerals", "japanese", "二〇二四年", "二|〇|二|四|年"},
		{"variation selector", "japanese", "辻\U000e0100さん", "辻|さん"},
		{"latin only", "japanese", "Deep Learning", "deep|learning"},
		{"latin as standard", "japanese", "日本のU.S.A.とdon't", "日本|u.s.a|don't"},
		{"replacement characters", "japanese", "東京\ufffd\ufffd\xe3大阪", "東京|大阪"},
		{"hangul and japanese", "japanese", "서울と東京", "서울|東京"},
	} {
		t.Run(c.analyzer+" "+c.name, func(t *testing.T) {
			require.Equal(t, c.want, terms(t, c.analyzer, c.text))
		})
	}
}

func TestRemovedTokensLeaveGaps(t *testing.T) {
	got := get(t, "english").Analyze(nil, "state of the art")
	require.Equal(t, []analysis.Token{
		{Term: "state", Start: 0, End: 5},
		{Term: "art", Start: 13, End: 16, Position: 3},
	}, got)
	got = get(t, "japanese").Analyze(nil, "京都に行く")
	require.Equal(t, []analysis.Token{
		{Term: "京都", Start: 0, End: 6},
		{Term: "行く", Start: 9, End: 15, Position: 2},
	}, got)
}

func TestOffsetsAreTheOriginals(t *testing.T) {
	for _, c := range []struct {
		name, analyzer, text string
		want                 []string
	}{
		{"full width", "standard", "ＡＢ ｶﾞﾗｽ.", []string{"ＡＢ", "ｶﾞﾗｽ"}},
		{"one for several", "cjk_bigram", "(㍿)", []string{"㍿", "㍿", "㍿"}},
		{"ignorable inside", "standard", "x \u00adco\u00adop\u00ad y", []string{"x", "co\u00adop", "y"}},
		{"combining", "standard", "x e\u0301a y", []string{"x", "e\u0301a", "y"}},
		{"behind invalid bytes", "standard", "\xff\xfeａ b", []string{"ａ", "b"}},
		{"inflected", "japanese", "ﾃｽﾄを行った。", []string{"ﾃｽﾄ", "行っ"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, tok := range get(t, c.analyzer).Analyze(nil, c.text) {
				got = append(got, c.text[tok.Start:tok.End])
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestTokensAreAppended(t *testing.T) {
	for _, name := range registry.Names() {
		got := get(t, name).Analyze([]analysis.Token{{Term: "before", Position: 9}}, "水")
		require.Equal(t, []analysis.Token{{Term: "before", Position: 9}, {Term: "水", End: 3}}, got, name)
	}
}

func TestLongTexts(t *testing.T) {
	for name, text := range map[string]string{
		"no sentence ends":   strings.Repeat("東京都では地震速報システムの運用が始まった", 3000),
		"katakana only":      strings.Repeat("ヌ", 20000),
		"han only":           strings.Repeat("東", 20000),
		"latin in japanese":  "東京" + strings.Repeat("a", 100000) + "大阪",
		"combining marks":    "e" + strings.Repeat("\u0301", 20000),
		"one long word":      strings.Repeat("ж", 5000),
		"alternating script": strings.Repeat("東a", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			for _, analyzer := range registry.Names() {
				tokens := get(t, analyzer).Analyze(nil, text)
				require.NotEmpty(t, tokens)
				checkTokens(t, text, tokens)
			}
		})
	}
}

func TestCutsFallBetweenPhrases(t *testing.T) {
	const sentence = "東京都では地震速報システムの運用が始まった"
	want := terms(t, "japanese", sentence)
	got := terms(t, "japanese", strings.Repeat(sentence, 100))
	require.Equal(t, strings.Repeat(want+"|", 99)+want, got)
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
	start, end, position := 0, 0, -1
	for _, tok := range tokens {
		require.NotEmpty(t, tok.Term)
		require.True(t, utf8.ValidString(tok.Term))
		require.LessOrEqual(t, len(tok.Term), 3*255)
		require.GreaterOrEqual(t, tok.Start, start)
		require.Greater(t, tok.End, tok.Start)
		require.GreaterOrEqual(t, tok.End, end)
		require.LessOrEqual(t, tok.End, len(text))
		require.Greater(t, tok.Position, position)
		start, end, position = tok.Start, tok.End, tok.Position
	}
}

func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(),
			rapid.StringOf(rapid.SampledFrom([]rune("aA 'sé東京タｶﾞー々。1２\u0301\xff"))),
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
	for _, seed := range []string{"The quick 東京 ｶﾞ\xff", "か\u309aき\ufffd㍿・ー〇", "e\u0301\u00ad’s U.S.A. 1,5_x:y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range registry.Names() {
			checkTokens(t, text, get(t, name).Analyze(nil, text))
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	for name, text := range map[string]string{
		"standard":   strings.Repeat("Hematopoietic stem cells were transplanted into the recipients of bone marrow. ", 20),
		"english":    strings.Repeat("Hematopoietic stem cells were transplanted into the recipients of bone marrow. ", 20),
		"japanese":   strings.Repeat("東京都では地震速報システムの運用が始まった。", 20),
		"cjk_bigram": strings.Repeat("東京都では地震速報システムの運用が始まった。", 20),
	} {
		b.Run(name, func(b *testing.B) {
			a := get(b, name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			dst := a.Analyze(nil, text) // loads the dictionary
			for b.Loop() {
				dst = a.Analyze(dst[:0], text)
			}
		})
	}
}
