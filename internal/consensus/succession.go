package consensus

import (
	"context"
	"math/rand/v2"
	"slices"
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
	go l.succeed(g, node, 0)
}

// succeed stands for election if it is this replica's turn, and else when nobody has won though there was time to. Two
// that stood at once would split the votes, and wait for ElectionTimeout before they try again. An election that runs
// is waited for as long: its votes are writes, and with a node go the leaders of hundreds of groups.
func (l *Link) succeed(g *Group, node string, waited time.Duration) {
	select {
	case l.network.asking <- struct{}{}:
	case <-l.ctx.Done():
		return
	}
	var whose turn
	leader, lost := g.lost(node)
	if lost {
		self := g.Stats() // before the others', see turnOf
		others := slices.DeleteFunc(g.voters(), func(s raft.Server) bool { return string(s.ID) == node })
		whose = turnOf(g.cfg.ID, self, node, g.statuses(l.ctx, succeedAsk, others))
		leader, lost = g.lost(node)
	}
	<-l.network.asking
	switch {
	case !lost:
		return
	case whose == turnOwn && leader == node, whose != turnTaken && waited > 0, waited >= l.timeout:
		l.stand(node)
	default:
		pause := succeedWait + rand.N(succeedSpread)
		time.AfterFunc(pause, func() { l.succeed(g, node, waited+pause) })
	}
}

// turn is whose turn it is to stand for election.
type turn int

const (
	turnOwn turn = iota
	turnOther
	turnTaken // an election runs, or has been won
)

// turnOf tells whose turn it is of those who follow the lost node: that of the latest last entry, and among equals
// of the smallest id. As logs only grow, one who looks at itself before it looks at the others and another who does so
// later don't both find that it is theirs, unless the one stands already.
func turnOf(id string, self Stats, lost string, others map[raft.ServerID]Stats) (whose turn) {
	for other, s := range others {
		switch {
		case s.Failed != "":
		case s.Term > self.Term, s.State == raft.Candidate.String(), s.Leader != "" && s.Leader != lost:
			return turnTaken
		case s.Leader == "": // it has heard of no leader, and does not miss one
		case s.end() > self.end(), s.end() == self.end() && string(other) < id:
			whose = turnOther
		}
	}
	return whose
}

// lost tells whether this replica has no leader but the lost node, or none.
func (g *Group) lost(node string) (leader string, lost bool) {
	leader, _ = g.Leader()
	return leader, g.raft.State() == raft.Follower && (leader == "" || leader == node)
}

// stand tells raft to stand for election, as the leader's own handover would.
func (l *Link) stand(node string) {
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
