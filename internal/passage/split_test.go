package passage

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

// words gives words between spaces as tokens, and each Japanese character as one.
func words(text string) []Span {
	var spans []Span
	inWord := false
	for i, r := range text {
		switch {
		case r >= 0x3040:
			spans, inWord = append(spans, Span{i, i + utf8.RuneLen(r)}), false
		case r == ' ' || r == '\n':
			inWord = false
		case !inWord:
			spans, inWord = append(spans, Span{Start: i}), true
		}
	}
	return spans
}

// texts are of pieces that concern the splitter, in any order.
func texts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		piece := rapid.OneOf(
			rapid.SampledFrom([]string{
				"Dr. Smith left. ", "It is so.", "\n", "\n\n", "# One\n", "### Three\n", "Title\n===\n", "- item\n", "```\n",
				"地震が起きた。", "「はい。」", "「", "」", "、", "揺れ", "é", "e\u0301", "\u0301", "👩‍👩‍👧", "🇯🇵", "🇫🇷", "각", "क्षि", " ", "\r\n",
				"\u3000", "が\u3099", "a", "word ", strings.Repeat("長", 40), strings.Repeat("long ", 20), strings.Repeat("x", 50),
			}),
			rapid.StringN(0, 5, -1),
		)
		return strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")
	})
}

func configs() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		c := Config{
			By: rapid.SampledFrom([]string{
				api.PassageByLength, api.PassageBySentences, api.PassageByHeadings,
			}).Draw(t, "by"),
			Size: rapid.IntRange(1, 60).Draw(t, "size"),
		}
		c.Overlap = rapid.IntRange(0, c.Size/2).Draw(t, "overlap")
		if rapid.Bool().Draw(t, "tokens") {
			c.Tokens = words
		}
		return c
	})
}

// check holds passages to what Split promises.
func check(t require.TestingT, text string, cfg Config, passages []Passage) {
	require.NotEmpty(t, passages)
	require.Zero(t, passages[0].Start)
	require.Equal(t, len(text), passages[len(passages)-1].End)
	size := func(p Passage) int {
		if cfg.Tokens == nil {
			return utf8.RuneCountInString(text[p.Start:p.End])
		}
		r := newRuler(text, cfg.Tokens)
		return r.before(p.End) - r.before(p.Start)
	}
	var without strings.Builder
	for i, p := range passages {
		require.True(t, utf8.ValidString(text[p.Start:p.End]))
		require.LessOrEqual(t, size(p), cfg.Size, "%q", text[p.Start:p.End])
		if i == 0 {
			without.WriteString(text[:p.End])
			continue
		}
		before := passages[i-1]
		require.Greater(t, p.Start, before.Start)
		require.Greater(t, p.End, before.End)
		require.LessOrEqual(t, p.Start, before.End)
		require.LessOrEqual(t, size(Passage{Start: p.Start, End: before.End}), cfg.Overlap)
		without.WriteString(text[before.End:p.End])
	}
	require.Equal(t, text, without.String())
}

func TestSplitKeepsItsPromises(t *testing.T) {
	t.Run("coverage, size, order", rapid.MakeCheck(func(t *rapid.T) {
		text, cfg := texts().Draw(t, "text"), configs().Draw(t, "config")
		require.NoError(t, cfg.Validate())
		got := Split(text, cfg)
		require.Equal(t, got, Split(text, cfg))
		if text != "" {
			check(t, text, cfg, got)
		}
	}))
	t.Run("no character is torn", rapid.MakeCheck(func(t *rapid.T) {
		text, cfg := texts().Draw(t, "text"), configs().Draw(t, "config")
		cfg.Tokens = nil
		// What apart joins beyond the annex may be larger than a passage.
		for from, at := 0, 0; at < len(text); {
			_, size := utf8.DecodeRuneInString(text[at:])
			if at += size; apart(text, from, at) {
				from = at
			}
			if utf8.RuneCountInString(text[from:at]) >= cfg.Size {
				return
			}
		}
		torn := map[int]bool{}
		for g := graphemes.FromString(text); g.Next(); {
			for i := g.Start() + 1; i < g.End(); i++ {
				torn[i] = true
			}
		}
		for _, p := range Split(text, cfg) {
			require.False(t, torn[p.Start], "start %d", p.Start)
			require.False(t, torn[p.End], "end %d", p.End)
		}
	}))
	t.Run("no sentence is left out that would fit", rapid.MakeCheck(func(t *rapid.T) {
		text := texts().Draw(t, "text")
		cfg := Config{By: api.PassageBySentences, Size: rapid.IntRange(1, 60).Draw(t, "size")}
		got := Split(text, cfg)
		ends := sentences(nil, text, 0, len(text))
		for _, p := range got[:len(got)-1] {
			if at := slices.Index(ends, p.End); at >= 0 {
				require.Greater(t, utf8.RuneCountInString(text[p.Start:ends[at+1]]), cfg.Size)
			}
		}
	}))
}

func TestSplit(t *testing.T) {
	parts := func(text string, cfg Config) []string {
		var out []string
		for _, p := range Split(text, cfg) {
			part := text[p.Start:p.End]
			if p.Heading != "" {
				part = "[" + p.Heading + "]" + part
			}
			out = append(out, part)
		}
		return out
	}
	sentences := Config{By: api.PassageBySentences, Size: 20}
	t.Run("an empty text is one passage", func(t *testing.T) {
		require.Equal(t, []Passage{{}}, Split("", sentences))
	})
	t.Run("sentences fill passages", func(t *testing.T) {
		require.Equal(t, []string{"One came. Two too. ", "Three. "}, parts("One came. Two too. Three. ", sentences))
	})
	t.Run("sentences are repeated whole", func(t *testing.T) {
		cfg := Config{By: api.PassageBySentences, Size: 22, Overlap: 10}
		require.Equal(t, []string{"One came. Two too. ", "Two too. Three left. ", "Four."},
			parts("One came. Two too. Three left. Four.", cfg))
	})
	t.Run("Japanese", func(t *testing.T) {
		cfg := Config{By: api.PassageBySentences, Size: 16}
		require.Equal(t, []string{"地震が起きた。揺れは強い。", "「逃げろ。」と叫んだ。"},
			parts("地震が起きた。揺れは強い。「逃げろ。」と叫んだ。", cfg))
	})
	t.Run("a long sentence is cut at words and phrases", func(t *testing.T) {
		require.Equal(t, []string{"Short. ", "The quick brown fox ", "jumps over the lazy ", "dog. End."},
			parts("Short. The quick brown fox jumps over the lazy dog. End.", sentences))
		cfg := Config{By: api.PassageBySentences, Size: 16}
		require.Equal(t, []string{"あいうえおかきくけこ、", "さしすせそたちつてとなにぬねのは", "ひふ。"},
			parts("あいうえおかきくけこ、さしすせそたちつてとなにぬねのはひふ。", cfg))
	})
	t.Run("length overlaps at words", func(t *testing.T) {
		cfg := Config{By: api.PassageByLength, Size: 20, Overlap: 8}
		require.Equal(t, []string{"The quick brown fox ", "fox jumps over the ", "the lazy dog."},
			parts("The quick brown fox jumps over the lazy dog.", cfg))
	})
	t.Run("headings start passages and name them", func(t *testing.T) {
		cfg := Config{By: api.PassageByHeadings, Size: 40, Overlap: 20}
		require.Equal(t, []string{"Intro.\n", "[Methods]# Methods\nWe did it.\n", "[Methods > Data]## Data\nMany."},
			parts("Intro.\n# Methods\nWe did it.\n## Data\nMany.", cfg))
	})
	t.Run("tokens", func(t *testing.T) {
		cfg := Config{By: api.PassageByLength, Size: 3, Overlap: 1, Tokens: words}
		require.Equal(t, []string{"a b c ", "c d e ", "e f"}, parts("a b c d e f", cfg))
	})
	t.Run("a text without tokens is cut all the same", func(t *testing.T) {
		text := strings.Repeat("-", 250_000)
		cfg := Config{By: api.PassageBySentences, Size: 16, Overlap: 8, Tokens: words}
		got := Split(strings.Repeat(" ", 250_000)+text, cfg)
		require.Greater(t, len(got), 4)
		for _, p := range got {
			require.LessOrEqual(t, p.End-p.Start, maxCharacters)
		}
	})
	t.Run("a character larger than a passage is cut", func(t *testing.T) {
		text := "a" + strings.Repeat("\u0301", 100)
		cfg := Config{By: api.PassageByLength, Size: 16, Overlap: 8}
		check(t, text, cfg, Split(text, cfg))
	})
}

func TestConfigValidate(t *testing.T) {
	good := Config{By: api.PassageByLength, Size: 10, Overlap: 5}
	require.NoError(t, good.Validate())
	for _, change := range []func(*Config){
		func(c *Config) { c.By = "x" }, func(c *Config) { c.Size = 0 }, func(c *Config) { c.Overlap = 6 },
		func(c *Config) { c.Overlap = -1 },
	} {
		c := good
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrConfig)
	}
	of := Of(&api.PassageConfig{By: api.PassageByLength, Unit: api.PassageTokens, Size: 20, Overlap: 3}, words)
	require.NotNil(t, of.Tokens)
	require.Nil(t, Of(&api.PassageConfig{Unit: api.PassageCharacters}, words).Tokens)
}

func FuzzSplit(f *testing.F) {
	f.Add("# A\nDr. Smith. 「はい。」と\n\n- b\n```\n", uint8(20), uint8(5), uint8(0))
	f.Add("\xff\xfe。「", uint8(1), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, text string, size, overlap, how uint8) {
		cfg := Config{Size: int(size) + 1}
		cfg.Overlap = min(int(overlap), cfg.Size/2)
		cfg.By = []string{api.PassageByLength, api.PassageBySentences, api.PassageByHeadings}[how%3]
		if how >= 128 {
			cfg.Tokens = words
		}
		text = strings.ToValidUTF8(text, "?")
		if text != "" {
			check(t, text, cfg, Split(text, cfg))
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	english := strings.Repeat("The early warning system, run by Dr. Ito since 1999, tells people about an earthquake "+
		"before the shaking arrives. It is not perfect (see Fig. 3). Still, it saves lives!\n\n## More\n\n", 4000)
	japanese := strings.Repeat("緊急地震速報は、揺れが届く前に人々に知らせる仕組みである。「完全ではない。」と専門家は言う"+
		"（図３を参照）。それでも、多くの命を救っている！\n\n## 続き\n\n", 4000)
	// No part of the work may grow with the length of a line.
	line := strings.Repeat("In 1999. In 2000. ", 40_000)
	for name, text := range map[string]string{"english": english, "japanese": japanese, "one line": line} {
		for _, by := range []string{api.PassageByLength, api.PassageBySentences, api.PassageByHeadings} {
			b.Run(name+"/"+by, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					Split(text, Config{By: by, Size: 400, Overlap: 80})
				}
			})
		}
	}
}
