package consensus

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"github.com/hashicorp/raft"
)

// handOver asks another voter to elect, in its own name: the one with the longest log, as far as they tell.
func (g *Group) handOver() {
	header := raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(g.cfg.ID),
		Addr: g.peers.EncodePeer(raft.ServerID(g.cfg.ID), g.peers.LocalAddr()),
	}
	heirs, _ := g.heirs()
	for _, s := range heirs {
		err := g.peers.TimeoutNow(s.ID, s.Address, &raft.TimeoutNowRequest{RPCHeader: header}, &raft.TimeoutNowResponse{})
		if err == nil {
			return
		}
		g.cfg.Logger.Warn("hand over leadership", slog.String("group", g.cfg.Group), slog.String("to", string(s.ID)),
			slog.Any("error", err))
	}
}

// heirs are the other voters, the most advanced first, and how many of them answer; without a Network all seem to.
func (g *Group) heirs() (voters []raft.Server, alive int) {
	voters = g.voters()
	if g.link == nil {
		return voters, len(voters)
	}
	stats := g.statuses(context.Background(), heirLimit, voters)
	for _, s := range stats {
		if s.end() > 0 {
			alive++
		}
	}
	slices.SortStableFunc(voters, func(a, b raft.Server) int {
		return cmp.Compare(stats[b.ID].end(), stats[a.ID].end())
	})
	return voters, alive
}
