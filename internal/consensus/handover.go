package consensus

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// handOver asks another voter to elect, in its own name: the one with the longest log, as far as they tell. What this
// replica has sent last may reach another one after that, which then refuses its vote; so when nobody leads soon, they
// are asked anew.
func (g *Group) handOver() {
	term, end := g.raft.CurrentTerm(), time.Now().Add(g.cfg.ElectionTimeout)
	poll := time.NewTicker(handOverPoll)
	defer poll.Stop()
	for g.askHeir() && g.link != nil {
		for asked := time.Now(); time.Since(asked) < succeedWait; <-poll.C {
			if g.led(term) || time.Now().After(end) {
				return
			}
		}
	}
}

// led tells whether another voter leads in a later term.
func (g *Group) led(term uint64) bool {
	for _, s := range g.statuses(context.Background(), heirLimit, g.voters()) {
		if s.State == raft.Leader.String() && s.Term > term {
			return true
		}
	}
	return false
}

// askHeir asks one voter to elect; false when none was reached.
func (g *Group) askHeir() bool {
	header := raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(g.cfg.ID),
		Addr: g.peers.EncodePeer(raft.ServerID(g.cfg.ID), g.peers.LocalAddr()),
	}
	heirs, _ := g.heirs()
	for _, s := range heirs {
		err := g.peers.TimeoutNow(s.ID, s.Address, &raft.TimeoutNowRequest{RPCHeader: header}, &raft.TimeoutNowResponse{})
		if err == nil {
			return true
		}
		g.cfg.Logger.Warn("hand over leadership", slog.String("group", g.cfg.Group), slog.String("to", string(s.ID)),
			slog.Any("error", err))
	}
	return false
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
