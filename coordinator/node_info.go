package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/sparse/analysis"
)

var _ httpapi.Node = (*Node)(nil)

// Schema gives an index's schema, which is shared and must not be changed; api.ErrIndexNotFound.
func (n *Node) Schema(name string) (*api.Schema, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	x, ok := n.indexes[name]
	if !ok {
		return nil, fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
	}
	return &x.Schema, nil
}

// GetIndex tells about an index; api.ErrIndexNotFound.
func (n *Node) GetIndex(ctx context.Context, name string) (api.IndexInfo, error) {
	x, ctx, leave, err := n.enter(ctx, name)
	if err != nil {
		return api.IndexInfo{}, err
	}
	defer leave()
	documents, err := x.replica.Count(ctx, nil)
	if err != nil {
		return api.IndexInfo{}, err
	}
	return api.IndexInfo{Name: x.Name, Schema: x.Schema, Documents: documents, DenseLag: x.replica.DenseLag()}, nil
}

// ListIndexes tells about all indexes, by name.
func (n *Node) ListIndexes(ctx context.Context) ([]api.IndexInfo, error) {
	infos := []api.IndexInfo{}
	for _, x := range n.fsm.View().Indexes() {
		info, err := n.GetIndex(ctx, x.Name)
		if errors.Is(err, api.ErrIndexNotFound) {
			// It is being made or removed.
			continue
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Analyze shows an analyzer at work; an unknown one is an *api.Problem that names those there are.
func (n *Node) Analyze(ctx context.Context, analyzer, text string) ([]api.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("analyze: %w", err)
	}
	a, err := n.cfg.Analyzers.Get(analyzer)
	if errors.Is(err, analysis.ErrUnknownAnalyzer) {
		return nil, api.NewProblem(api.ProblemRequest, 400, "analyzer", "%v", err)
	}
	if err != nil {
		return nil, fmt.Errorf("analyze: %w", err)
	}
	tokens := a.Analyze(nil, text)
	out := make([]api.Token, len(tokens))
	for i, t := range tokens {
		out[i] = api.Token{Term: t.Term, Start: t.Start, End: t.End, Position: t.Position}
	}
	return out, nil
}
