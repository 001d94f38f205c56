package analysis

type standard struct{}

func (standard) Name() string { return "standard" }

func (standard) Analyze(dst []Token, text string) []Token {
	w := newWordWriter(dst, text)
	w.words(0, len(w.text.text))
	return w.dst
}
