package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
	"sagasu/sparse/analysis"
)

var _ httpapi.Node = (*Node)(nil)

// Schema gives an index's schema, which is shared and must not be changed; api.ErrIndexNotFound.
func (n *Node) Schema(name string) (*api.Schema, error) {
	l, err := n.find(name)
	if err != nil {
		return nil, err
	}
	return &l.Schema, nil
}

// describe tells about an index what the metadata know.
func describe(x *state.Index) api.IndexInfo {
	info := api.IndexInfo{Name: x.Name, Schema: x.Schema, Shards: len(x.Shards), Replicas: x.Replicas}
	info.Placed = x.Replicas
	for _, s := range x.Shards {
		info.Placed = min(info.Placed, len(s.Nodes))
	}
	return info
}

// GetIndex tells about an index; api.ErrIndexNotFound.
func (n *Node) GetIndex(ctx context.Context, name string) (api.IndexInfo, error) {
	l, err := n.find(name)
	if err != nil {
		return api.IndexInfo{}, err
	}
	info := describe(&l.Index)
	if info.Documents, err = n.searcher.Count(ctx, l.target(n.router, nil), nil); err != nil {
		return api.IndexInfo{}, err
	}
	if l.Schema.Dense == nil {
		return info, nil
	}
	if info.Generations, err = n.generations(ctx, l); err != nil {
		return api.IndexInfo{}, err
	}
	for _, g := range info.Generations {
		if g.State == api.GenerationCurrent {
			info.DenseLag = g.Waiting
		}
	}
	return info, nil
}

// ListIndexes tells about all indexes, by name: those that this node knows, once it has known the newest metadata or
// as it knew them before it was restarted.
func (n *Node) ListIndexes(ctx context.Context) ([]api.IndexInfo, error) {
	infos := []api.IndexInfo{}
	if !n.meta.Current() {
		if err := n.sync(ctx); err != nil && n.meta.View().ClusterID() == "" {
			return nil, fmt.Errorf("list indexes: %w: %w", api.ErrUnavailable, err)
		}
	}
	for _, x := range n.meta.View().Indexes() {
		info, err := n.GetIndex(ctx, x.Name)
		if errors.Is(err, api.ErrIndexNotFound) {
			continue // it was removed meanwhile
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
