package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Server is a member of a group: a voter, or a replica that is sent the log and does not count.
type Server struct {
	ID    string
	Voter bool
}

// membership is a committed configuration and the index of its entry.
type membership struct {
	index   uint64
	servers raft.Configuration
}

// Servers gives the members this replica knows of last, which may not be committed yet.
func (g *Group) Servers() []Server { return serversOf(g.raft.GetConfiguration().Configuration()) }

func serversOf(c raft.Configuration) []Server {
	all := make([]Server, 0, len(c.Servers))
	for _, s := range c.Servers {
		all = append(all, Server{ID: string(s.ID), Voter: s.Suffrage == raft.Voter})
	}
	return all
}

// AddNonvoter makes the server a member without a vote, if it is none yet. Like the other changes of membership it is
// the leader's, else ErrNotLeader; may be repeated; follows on the members it found, and on no others; and is
// committed when it returns nil. ErrUnknownOutcome is returned when it may or may not be committed.
func (g *Group) AddNonvoter(ctx context.Context, id string) error {
	return g.change(ctx, "add", id, func(c *membership, limit time.Duration) (raft.IndexFuture, error) {
		if _, ok := member(c.servers, id); ok {
			return nil, nil
		}
		return g.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(id), c.index, limit), nil
	})
}

// Promote gives a member a vote, if it has none yet. ErrNotMember is returned when it is no member.
func (g *Group) Promote(ctx context.Context, id string) error {
	return g.change(ctx, "promote", id, func(c *membership, limit time.Duration) (raft.IndexFuture, error) {
		s, ok := member(c.servers, id)
		switch {
		case !ok:
			return nil, ErrNotMember
		case s.Suffrage == raft.Voter:
			return nil, nil
		}
		return g.raft.AddVoter(s.ID, s.Address, c.index, limit), nil
	})
}

// Remove ends the server's membership, if it is a member. A leader that removes itself stops leading, and asks another
// to elect at once.
func (g *Group) Remove(ctx context.Context, id string) error {
	removed := false
	err := g.change(ctx, "remove", id, func(c *membership, limit time.Duration) (raft.IndexFuture, error) {
		if _, ok := member(c.servers, id); !ok {
			return nil, nil
		}
		removed = true
		return g.raft.RemoveServer(raft.ServerID(id), c.index, limit), nil
	})
	if err == nil && removed && id == g.cfg.ID {
		g.handOver()
	}
	return err
}

func member(c raft.Configuration, id string) (raft.Server, bool) {
	for _, s := range c.Servers {
		if s.ID == raft.ServerID(id) {
			return s, true
		}
	}
	return raft.Server{}, false
}

// change commits what next makes of the committed members, or nothing where next gives no future. When another change
// came in between, it begins again.
func (g *Group) change(ctx context.Context, verb, id string,
	next func(c *membership, limit time.Duration) (raft.IndexFuture, error),
) error {
	fail := func(err error) error { return fmt.Errorf("%s server %s of group %s: %w", verb, id, g.cfg.Group, err) }
	for {
		if err := errors.Join(g.failure.err(), ctx.Err()); err != nil {
			return fail(err)
		}
		if !g.IsLeader() {
			return fail(ErrNotLeader)
		}
		found := g.fsm.members.Load()
		limit := changeLimit
		if deadline, ok := ctx.Deadline(); ok {
			limit = max(min(limit, time.Until(deadline)), time.Millisecond)
		}
		err := g.attempt(ctx, func() error {
			future, err := next(found, limit)
			if err != nil || future == nil {
				return err
			}
			return future.Error()
		})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
			return fail(ErrNotLeader)
		case errors.Is(err, raft.ErrEnqueueTimeout):
			return fail(fmt.Errorf("another change is not committed yet: %w", err))
		case errors.Is(err, ErrNotMember):
			return fail(err)
		case errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown), ctx.Err() != nil,
			g.failure.err() != nil:
			return fail(fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
		case g.fsm.members.Load().index == found.index:
			return fail(err) // raft's own refusal, as of removing the last voter
		}
	}
}

// CaughtUp is how many entries the server's replica has yet to apply of what this leader has committed, asked of it
// through the Network. ErrNotLeader, ErrNoGroup when it is not open, or what Peers say.
func (g *Group) CaughtUp(ctx context.Context, id string) (behind uint64, err error) {
	fail := func(err error) error { return fmt.Errorf("look at server %s of group %s: %w", id, g.cfg.Group, err) }
	if g.cfg.Network == nil {
		return 0, fail(fmt.Errorf("%w: Network is nil", ErrInvalidConfig))
	}
	if !g.IsLeader() {
		return 0, fail(ErrNotLeader)
	}
	committed := g.raft.CommitIndex()
	stats, err := g.cfg.Network.Status(ctx, id, g.cfg.Group)
	switch {
	case err != nil:
		return 0, fail(err)
	case stats.Failed != "":
		return 0, fail(fmt.Errorf("%w: %s", ErrNoGroup, stats.Failed))
	}
	return committed - min(committed, stats.AppliedIndex), nil
}

// TransferLeadershipTo hands leadership to a voter and returns when this replica leads no more. ErrNotLeader,
// ErrNotMember, or why it failed; then this replica may go on leading.
func (g *Group) TransferLeadershipTo(ctx context.Context, id string) error {
	fail := func(err error) error {
		return fmt.Errorf("transfer leadership of group %s to %s: %w", g.cfg.Group, id, err)
	}
	if !g.IsLeader() {
		return fail(ErrNotLeader)
	}
	s, ok := member(g.raft.GetConfiguration().Configuration(), id)
	switch {
	case !ok || s.Suffrage != raft.Voter:
		return fail(ErrNotMember)
	case id == g.cfg.ID:
		return nil
	}
	err := g.attempt(ctx, func() error {
		return g.transfer(func() raft.Future { return g.raft.LeadershipTransferToServer(s.ID, s.Address) })
	})
	switch {
	case errors.Is(err, raft.ErrNotLeader):
		return fail(ErrNotLeader)
	case err != nil:
		return fail(err)
	}
	return nil
}
