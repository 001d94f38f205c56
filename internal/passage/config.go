package passage

import (
	"fmt"

	"sagasu/api"
)

// Span is a part of a text, in bytes.
type Span struct{ Start, End int }

// Config says how to cut.
type Config struct {
	// By is api.PassageByLength, PassageBySentences or PassageByHeadings.
	By string
	// Size is the most of a passage, and Overlap, at most half of it, how much of the end of one the next one may
	// repeat: whole sentences where that is where the cut is. Passages under different headings have nothing in
	// common.
	Size, Overlap int
	// Tokens gives the tokens of a text, ascending by Start; then Size and Overlap count tokens, by where they
	// start. Nil counts characters, which are Unicode code points.
	Tokens func(text string) []Span
}

// Of gives the configuration of an index; tokens are those of the split field's analyzer.
func Of(c *api.PassageConfig, tokens func(text string) []Span) Config {
	cfg := Config{By: c.By, Size: c.Size, Overlap: c.Overlap}
	if c.Unit == api.PassageTokens {
		cfg.Tokens = tokens
	}
	return cfg
}

// Validate gives ErrConfig for a configuration that can't be.
func (c Config) Validate() error {
	switch {
	case c.By != api.PassageByLength && c.By != api.PassageBySentences && c.By != api.PassageByHeadings:
		return fmt.Errorf("%w: cuts by %q", ErrConfig, c.By)
	case c.Size < 1:
		return fmt.Errorf("%w: size %d", ErrConfig, c.Size)
	case c.Overlap < 0 || 2*c.Overlap > c.Size:
		return fmt.Errorf("%w: overlap %d of size %d", ErrConfig, c.Overlap, c.Size)
	}
	return nil
}
