package analysis

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ikawaha/kagome-dict/dict"
	"github.com/ikawaha/kagome-dict/ipa"
	"github.com/ikawaha/kagome/v2/tokenizer/lattice"
)

type japanese struct {
	once sync.Once
	dict *dict.Dict
}

func (*japanese) Name() string { return "japanese" }

func (j *japanese) Analyze(dst []Token, text string) []Token {
	w := newWordWriter(dst, text)
	if strings.IndexFunc(w.text.text, isJapanese) < 0 {
		w.words(0, len(w.text.text))
		return w.dst
	}
	j.once.Do(func() { j.dict = ipa.Dict() })
	eachSentence(w.text.text, func(s []run) {
		if s[0].japanese || len(s) > 1 {
			j.sentence(&w, s)
		} else {
			w.words(s[0].from, s[0].to)
		}
	})
	return w.dst
}

// sentence appends the morphemes of the Japanese runs and the words of the others. The lattice gets all of
// them, so that a run is understood in its context.
func (j *japanese) sentence(w *wordWriter, s []run) {
	base := s[0].from
	la := lattice.New(j.dict, nil)
	defer la.Free()
	la.Build(w.text.text[base:s[len(s)-1].to])
	la.Forward(lattice.Search)
	la.Backward(lattice.Search)

	next := len(la.Output) - 1 // the output is in reverse
	for _, r := range s {
		if !r.japanese {
			w.words(r.from, r.to)
			continue
		}
		for next >= 0 && base+la.Output[next].Position < r.to {
			n := la.Output[next]
			from := base + n.Position
			to := from + len(n.Surface)
			if to > r.from && n.Class != lattice.DUMMY {
				j.morpheme(w, n, max(from, r.from), min(to, r.to))
			}
			if to > r.to {
				break // it goes on behind the run
			}
			next--
		}
	}
}

// morpheme appends what the node says about [from, to), its part inside a Japanese run.
func (j *japanese) morpheme(w *wordWriter, n *lattice.Node, from, to int) {
	if !j.content(n) {
		w.position++
		return
	}
	term := w.text.text[from:to]
	if len(term) > maxTermBytes {
		w.word(from, to)
		return
	}
	if form := j.feature(n, ipa.BaseForm); form != "" && form != "*" && len(term) == len(n.Surface) {
		term = form
	}
	w.add(katakanaStem(term), from, to)
}

// content reports whether a morpheme says something about a text: particles, auxiliaries and fillers don't.
// What the dictionary calls a symbol does, for only letters and numbers (〇 is one) are Japanese here. Leaving
// out dependent nouns and verbs too (こと, the いる of ている) was measured to rank a little worse.
func (j *japanese) content(n *lattice.Node) bool {
	switch j.feature(n, 0) {
	case "助詞", "助動詞", "フィラー":
		return false
	}
	return true
}

// feature gives a column of the node's dictionary entry, "" if it has none.
func (j *japanese) feature(n *lattice.Node, column int) string {
	var rest []string
	switch n.Class {
	case lattice.KNOWN:
		classes := j.dict.POSTable.POSs[n.ID]
		if column < len(classes) {
			return j.dict.POSTable.NameList[classes[column]]
		}
		column -= len(classes)
		rest = j.dict.Contents[n.ID]
	case lattice.UNKNOWN:
		rest = j.dict.UnkDict.Contents[n.ID]
	}
	if column < len(rest) {
		return rest[column]
	}
	return ""
}

// katakanaStem drops the final length mark of a longer Katakana word, which writers add or not (サーバー,
// サーバ).
func katakanaStem(term string) string {
	stem, ok := strings.CutSuffix(term, "ー")
	if !ok || utf8.RuneCountInString(term) < minKatakanaStem {
		return term
	}
	for _, r := range stem {
		if r != 'ー' && (r < 'ァ' || r > 'ヺ') {
			return term
		}
	}
	return stem
}
