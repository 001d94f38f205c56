package consensus

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/raft"
)

// Heirs gives the other voters that answer, the one with the longest log first: to whom leadership is best handed.
func (g *Group) Heirs(ctx context.Context) []string {
	if g.link == nil {
		return nil
	}
	stats := g.statuses(ctx, heirLimit, g.voters())
	var ids []raft.ServerID
	for id, s := range stats {
		if s.end() > 0 && s.Failed == "" {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b raft.ServerID) int {
		return cmp.Or(cmp.Compare(stats[b].end(), stats[a].end()), cmp.Compare(a, b))
	})
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}
