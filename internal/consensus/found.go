package consensus

import (
	"context"
	"errors"
	"fmt"

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
