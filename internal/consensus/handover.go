package consensus

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

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
	for _, s := range g.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && s.ID != raft.ServerID(g.cfg.ID) {
			voters = append(voters, s)
		}
	}
	if g.link == nil {
		return voters, len(voters)
	}
	ctx, cancel := context.WithTimeout(context.Background(), heirLimit)
	defer cancel()
	var all sync.WaitGroup
	ends := make([]uint64, len(voters))
	for i, s := range voters {
		all.Go(func() {
			if stats, err := g.cfg.Network.Status(ctx, string(s.ID), g.cfg.Group); err == nil {
				ends[i] = stats.LastIndex
			}
		})
	}
	all.Wait()
	order := make(map[raft.ServerID]uint64, len(voters))
	for i, s := range voters {
		order[s.ID] = ends[i]
		if ends[i] > 0 {
			alive++
		}
	}
	slices.SortStableFunc(voters, func(a, b raft.Server) int { return cmp.Compare(order[b.ID], order[a.ID]) })
	return voters, alive
}
