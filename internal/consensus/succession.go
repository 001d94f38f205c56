package consensus

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// suspect has this replica see to a new leader if it follows the node.
func (l *Link) suspect(node string) {
	g := l.owner.Load()
	if g == nil || !g.follows(node) {
		return
	}
	now, before := time.Now().UnixNano(), l.suspects.Load()
	if now-before < int64(suspectEvery) || !l.suspects.CompareAndSwap(before, now) {
		return
	}
	go l.succeed(g, node)
}

// succeed stands for election if it is this replica's turn, and else when the one whose turn it is does not win. Two
// that stood at once would split the votes, and wait for ElectionTimeout before they try again.
func (l *Link) succeed(g *Group, node string) {
	select {
	case l.network.asking <- struct{}{}:
	case <-l.ctx.Done():
		return
	}
	self := g.Stats() // before the others', see first
	var others []raft.Server
	for _, s := range g.voters() {
		if string(s.ID) != node {
			others = append(others, s)
		}
	}
	stats := g.statuses(l.ctx, succeedAsk, others)
	<-l.network.asking
	if first(g.cfg.ID, self, node, stats) {
		l.elect(g, node, true)
		return
	}
	time.AfterFunc(succeedWait+rand.N(suspectSpread), func() { l.elect(g, node, true) })
}

// first tells whether of those who follow the lost node it is self's turn to stand: that of the latest last entry,
// and among equals the smallest id. It is nobody's while an election runs, or when one has been won. As logs only
// grow, one who looks at itself before it looks at the others and one who does so later don't both find themselves
// first, unless the one stands already.
func first(id string, self Stats, lost string, others map[raft.ServerID]Stats) bool {
	for other, s := range others {
		switch {
		case s.Failed != "":
			continue
		case s.Term > self.Term, s.State == raft.Candidate.String(), s.Leader != "" && s.Leader != lost:
			return false
		case s.Leader == "":
			continue // it has heard of no leader, and does not miss one
		case s.end() > self.end(), s.end() == self.end() && string(other) < id:
			return false
		}
	}
	return true
}

// elect tells raft to stand for election, as the leader's own handover would. That another follower was faster shows
// in a new leader; when it shows in there being none, it is given the time to win.
func (l *Link) elect(g *Group, node string, patient bool) {
	leader, _ := g.Leader()
	switch {
	case g.raft.State() != raft.Follower || leader != "" && leader != node:
		return
	case leader == "" && patient:
		time.AfterFunc(suspectSpread, func() { l.elect(g, node, false) })
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.timeout)
	defer cancel()
	id := []byte(l.network.self)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: id, Addr: id}
	_, err := l.serve(ctx, raft.RPC{Command: &raft.TimeoutNowRequest{RPCHeader: header}})
	if err != nil {
		l.network.logger.Warn("elect after the loss of a node", "group", l.group, "node", node, "error", err)
	}
}

// follows tells whether this replica is a voter that follows the node.
func (g *Group) follows(node string) bool {
	leader, ok := g.Leader()
	return ok && leader == node && g.raft.State() == raft.Follower &&
		voter(g.raft.GetConfiguration().Configuration(), g.cfg.ID)
}

// voters are the other replicas with a vote.
func (g *Group) voters() (others []raft.Server) {
	for _, s := range g.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && s.ID != raft.ServerID(g.cfg.ID) {
			others = append(others, s)
		}
	}
	return others
}

// statuses asks the servers how they are, all at once; who has not answered within limit is left out.
func (g *Group) statuses(ctx context.Context, limit time.Duration, servers []raft.Server) map[raft.ServerID]Stats {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	got := make(map[raft.ServerID]Stats, len(servers))
	for _, s := range servers {
		all.Go(func() {
			stats, err := g.cfg.Network.Status(ctx, string(s.ID), g.cfg.Group)
			if err != nil {
				return // it is not there, which is what is asked for
			}
			mu.Lock()
			defer mu.Unlock()
			got[s.ID] = stats
		})
	}
	all.Wait()
	return got
}
