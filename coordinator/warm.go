package coordinator

import (
	"context"
	"fmt"

	"sagasu/coordinator/state"
)

// warmText is analysed so that an analyzer loads what it has to.
const warmText = "探す"

// warmAnalyzers gives the step of a loop that uses each analyzer of the indexes once: the first text that it analyses
// may need a dictionary of which loading takes longer than a search may.
func (n *Node) warmAnalyzers() func(ctx context.Context, view *state.View) error {
	warm := map[string]bool{}
	return func(_ context.Context, view *state.View) error {
		for _, x := range view.Indexes() {
			for _, f := range x.Schema.Fields {
				if warm[f.Analyzer] {
					continue
				}
				a, err := n.cfg.Analyzers.Get(f.Analyzer)
				if err != nil {
					return fmt.Errorf("index %q: %w", x.Name, err)
				}
				a.Analyze(nil, warmText)
				warm[f.Analyzer] = true
			}
		}
		return nil
	}
}
