package analysis

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ikawaha/kagome-dict/ipa"
	"github.com/ikawaha/kagome/v2/tokenizer"
)

// maxLattice bounds the text that is taken apart at once, in bytes: memory grows with it.
const maxLattice = 3 * 1000

type japanese struct {
	once      sync.Once
	tokenizer *tokenizer.Tokenizer
}

func (*japanese) Name() string { return "japanese" }

func (j *japanese) Analyze(dst []Token, text string) []Token {
	n := normalize(text)
	w := wordWriter{dst: dst, text: &n}
	eachRun(n.text, isJapanese, func(from, to int, accepted bool) {
		if !accepted {
			w.words(from, to)
			return
		}
		for from < to {
			end := min(to, from+maxLattice)
			for end < to && !utf8.RuneStart(n.text[end]) {
				end--
			}
			j.morphemes(&w, from, end)
			from = end
		}
	})
	return w.dst
}

// morphemes appends what a run of Japanese script consists of.
func (j *japanese) morphemes(w *wordWriter, from, to int) {
	j.once.Do(j.load)
	run := w.text.text[from:to]
	for _, t := range j.tokenizer.Analyze(run, tokenizer.Search) {
		if t.Class == tokenizer.DUMMY || t.Surface == "" {
			continue
		}
		start := from + t.Position
		end := start + len(t.Surface)
		if !content(&t) {
			w.position++
			continue
		}
		term := t.Surface
		if base, ok := t.BaseForm(); ok && base != "*" {
			term = base
		}
		w.add(strings.ToLower(term), start, end)
	}
}

// content reports whether a morpheme says something about a text: particles, auxiliaries, symbols and
// fillers don't.
func content(t *tokenizer.Token) bool {
	pos := t.POS()
	if len(pos) == 0 {
		return true
	}
	switch pos[0] {
	case "助詞", "助動詞", "記号", "フィラー":
		return false
	}
	return true
}

// load loads the dictionary that is compiled in.
func (j *japanese) load() {
	t, err := tokenizer.New(ipa.Dict(), tokenizer.OmitBosEos())
	if err != nil {
		// New fails only for a nil dictionary or a failing option, and here is neither.
		panic("make tokenizer: " + err.Error())
	}
	j.tokenizer = t
}
