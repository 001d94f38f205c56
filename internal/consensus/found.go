package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Found makes a group that has no members yet one of these voters, of which this replica must be one. The
// others need to be open, not to be told. Founding again what exists does nothing; ErrInvalidConfig without this
// replica among the voters.
func (g *Group) Found(ctx context.Context, voters []string) error {
	var c raft.Configuration
	for _, id := range voters {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	if _, ok := member(c, g.cfg.ID); !ok {
		return fmt.Errorf("found group %s: %w: %s is not among the voters %v", g.cfg.Group, ErrInvalidConfig, g.cfg.ID,
			voters)
	}
	err := g.await(ctx, g.raft.BootstrapCluster(c))
	if err == nil || errors.Is(err, raft.ErrCantBootstrap) {
		return nil
	}
	return fmt.Errorf("found group %s: %w", g.cfg.Group, err)
}

// Lead makes this replica stand for election as soon as a majority of the voters is open, unless somebody leads
// before: the first election of a new group then need not wait for a timeout. It returns when there is a leader, or
// why it gives up.
func (g *Group) Lead(ctx context.Context) error {
	fail := func(err error) error { return fmt.Errorf("lead new group %s: %w", g.cfg.Group, err) }
	stood := false
	for {
		if _, led := g.Leader(); led {
			return nil
		}
		if !stood && g.cfg.Network != nil && g.mostOpen(ctx) {
			stood = true
			if _, none := g.lost(""); none {
				g.link.stand("")
			}
		}
		timer := time.NewTimer(foundPause)
		select {
		case <-timer.C:
		case <-g.failure.failed:
			timer.Stop()
			return fail(g.failure.err())
		case <-ctx.Done():
			timer.Stop()
			return fail(ctx.Err())
		}
	}
}

// mostOpen tells whether a majority of the voters has the group open.
func (g *Group) mostOpen(ctx context.Context) bool {
	voters, open := 0, 0
	for _, s := range g.Servers() {
		if !s.Voter {
			continue
		}
		voters++
		if s.ID == g.cfg.ID {
			open++
			continue
		}
		asking, cancel := context.WithTimeout(ctx, g.cfg.ElectionTimeout/4)
		if _, err := g.cfg.Network.Status(asking, s.ID, g.cfg.Group); err == nil {
			open++
		}
		cancel()
	}
	return 2*open > voters
}

// foundPause is how often a new group's first leader looks for the other voters.
const foundPause = 10 * time.Millisecond
