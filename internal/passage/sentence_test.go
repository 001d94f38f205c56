package passage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bars puts a bar where sentences end.
func bars(text string) string {
	from := 0
	var parts []string
	for _, end := range sentences(nil, text, 0, len(text)) {
		parts = append(parts, text[from:end])
		from = end
	}
	return strings.Join(parts, "|")
}

func TestSentences(t *testing.T) {
	for name, want := range map[string]string{
		"plain English":            "One came. |Two went! |Was it three? |Yes.",
		"titles and initials":      "Dr. J. Smith met Mrs. Jones at St. Paul's. |They left.",
		"figures and sections":     "See Fig. 3 and Sec. 2.1 (cf. Eq. 5). |It is No. 1. |He said no. |Then he left.",
		"Latin abbreviations":      "Use a tool, e.g. Go, i.e. a language, etc. and so on. |Done.",
		"et al. before a year":     "Smith et al. (2020) show it. |Jones et al. 2021 don't.",
		"countries and hours":      "The U.S. Army came at 5 p.m. on Monday. |We left at 6 p.m. |It rained.",
		"decimals":                 "It rose by 3.5 percent to 1,000.25. |Version 1.2.3 is out.",
		"names with stops":         "Node.js is at example.org. |Try it.",
		"quotation marks":          `"Really?" he asked. |"Yes." |She left. |“No!” |It ended.`,
		"brackets":                 "It works. |(So they say.) |Good.",
		"an ellipsis":              "Well... maybe. |Yes... |No.",
		"several marks":            "What?! |No!!! |Fine.",
		"accented letters":         "He went to the café. |Élan came. |Ça va.",
		"Japanese":                 "地震が起きた。|揺れは強い！|本当か？！|はい。",
		"Japanese with brackets":   "彼は「行く。待て。」と言った。|次。",
		"a quotation of its own":   "「はい。」|「いいえ。」|彼女は笑った。",
		"a remark in brackets":     "波が来た（高さは三メートル。）。|逃げた。|",
		"an unclosed bracket":      "彼は「行く。|待て。|と言った。",
		"a mark within brackets":   "「本当！？」と聞いた。|うん。",
		"full-width decimals":      "値は３．５である．|次は２．",
		"half-width marks":         "ﾊｲ｡|ｲｲｴ｡",
		"ASCII marks in Japanese":  "すごい!|本当に?|うん.",
		"mixed languages":          "東京はTokyoです。|It is big. |大きい。",
		"hard-wrapped lines":       "One line goes\non here. |It\nends.",
		"paragraphs":               "A title\n\n|Some text. |More\n\n\n|Last",
		"a list":                   "Things:\n|- one\n|- two\n  goes on\n|* three\n|1. four\n|2. five",
		"an enumeration":           "1. First comes one. |It is one.\n|2. Then two.",
		"a Japanese list":          "項目\n|・一つ\n|・二つ",
		"Japanese indentation":     "段落の終わり\n|　次の段落。\n|　その次。",
		"a table":                  "| a | b |\n|| c | d |\n|| e |",
		"headings":                 "# One\n|text\n|## Two\n|more",
		"an underlined heading":    "One\n===\n|text",
		"fenced code":              "Look:\n|```go\n|a := b\n|c.d()\n|```\n|It works.",
		"Windows lines":            "One\r\n\r\n|Two. |Three\r\n",
		"space at the ends":        "  One.  \n \n|  Two. ",
		"no sentence at all":       "   ",
		"a quotation that is long": "「" + strings.Repeat("あ", 400) + "。|い」",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a remark in brackets" {
				want = strings.TrimSuffix(want, "|")
			}
			text := strings.ReplaceAll(want, "|", "")
			if strings.HasPrefix(name, "a table") {
				text, want = "| a | b |\n| c | d |\n| e |", "| a | b |\n"+"|"+"| c | d |\n"+"|"+"| e |"
			}
			require.Equal(t, want, bars(text))
		})
	}
}

func TestHeadings(t *testing.T) {
	text := "before\n# One #\ntext\n## Two\n\n### Three\nmore\n\n```\n# code\n```\nFour\n----\nx\n- a\n---\n" +
		"#none\n    # code\nFive\n====\ny\ny\n---\n"
	var got []string
	for _, s := range sections(text) {
		got = append(got, s.heading+": "+strings.ReplaceAll(text[s.from:s.to], "\n", "/"))
	}
	require.Equal(t, []string{
		": before/",
		"One: # One #/text/",
		"One > Two > Three: ## Two//### Three/more//```/# code/```/",
		"One > Four: Four/----/x/- a/---/#none/    # code/Five/====/y/y/---/",
	}, got)
	text = "\n# A\n# B\nb\n\nC\n==\nc\n\n" + strings.Repeat("見", 200) + "\n--\n"
	got = nil
	for _, s := range sections(text) {
		got = append(got, s.heading)
	}
	require.Equal(t, []string{"B", "C", "C > " + strings.Repeat("見", 85) + "…"}, got)
	require.Equal(t, []section{{}}, sections(""))
}
