package analysis

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownAnalyzer is returned when no analyzer has the name that was asked for.
var ErrUnknownAnalyzer = errors.New("unknown analyzer")

// Token is one term with its place in a text.
type Token struct {
	// Term may share the memory of the text, or of a folded copy of it: clone what outlives the text.
	Term string
	// Start and End are byte offsets into the text as it was given.
	Start, End int
	// Position counts tokens from 0, removed ones included.
	Position int
}

// Analyzer turns text into tokens; safe for concurrent use.
type Analyzer interface {
	// Name is the name it is got by.
	Name() string
	// Analyze appends the tokens of text to dst and returns it: positions ascend from 0, starts and ends
	// never descend. Any bytes will do; invalid UTF-8 separates words.
	Analyze(dst []Token, text string) []Token
}

// Registry holds the analyzers. What is costly in them (dictionary, stems) is made once for each Registry.
type Registry struct{ analyzers []Analyzer }

// NewRegistry makes the analyzers; it loads no dictionary.
func NewRegistry() *Registry {
	return &Registry{analyzers: []Analyzer{
		standard{}, newEnglish(), &japanese{}, bigram{},
	}}
}

// Get gives the analyzer with the name; "" is standard. ErrUnknownAnalyzer names the ones there are.
func (r *Registry) Get(name string) (Analyzer, error) {
	if name == "" {
		return r.analyzers[0], nil
	}
	for _, a := range r.analyzers {
		if a.Name() == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w %q, known are %s", ErrUnknownAnalyzer, name, strings.Join(r.Names(), ", "))
}

// Names lists the analyzers, the default first.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.analyzers))
	for _, a := range r.analyzers {
		names = append(names, a.Name())
	}
	return names
}
