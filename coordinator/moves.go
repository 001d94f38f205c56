package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

// Group implements reconcile.Moves.
func (n reconciled) Group(ctx context.Context, s state.Shard, node string) (reconcile.Group, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	var g reconcile.Group
	members, err := n.groupMembers(ctx, s, node)
	if err != nil {
		return g, err
	}
	if members != nil {
		want := s.Members()
		g.Led, g.Settled = true, len(members) == len(want)
		for _, m := range members {
			g.Settled = g.Settled && m.Voter && slices.Contains(want, m.ID)
			if m.ID == node {
				g.Member, g.Voter = true, m.Voter
			}
		}
	}
	if node == "" {
		return g, nil
	}
	report, err := n.askReport(ctx, node, s.ID)
	if err != nil {
		return g, err
	}
	r, there := report.replica(s.ID)
	g.Gone, g.Serving = !there, there && r.Serving
	g.Copied, g.ToCopy = uint64(r.Copied), uint64(r.ToCopy)
	return g, nil
}

// groupMembers gives the members of a shard's group as its leader has them; nil if nobody leads. beside may be one that
// leads although it is not wanted any more.
func (n reconciled) groupMembers(ctx context.Context, s state.Shard, beside string) ([]consensus.Server, error) {
	if n.net == nil {
		return nil, nil // a node on its own has no groups to ask
	}
	ask := slices.Clone(s.Members())
	if beside != "" && !slices.Contains(ask, beside) {
		ask = append(ask, beside)
	}
	var errs []error
	for _, id := range ask {
		stats, err := n.net.groups.Status(ctx, id, s.ID)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask %s: %w", id, err))
			continue
		}
		if stats.State == "Leader" {
			return stats.Members, nil
		}
	}
	if len(errs) == len(ask) {
		return nil, errors.Join(errs...)
	}
	return nil, nil
}

// SearchP95 implements reconcile.Moves.
func (n reconciled) SearchP95(ctx context.Context, view *state.View) (worst time.Duration) {
	for _, r := range n.reports(ctx, view, false) {
		if r.Searches >= pulseLeast {
			worst = max(worst, time.Duration(r.SearchP95Micros)*time.Microsecond)
		}
	}
	return worst
}

// Busy implements reconcile.Moves.
func (n reconciled) Busy(ctx context.Context, node string) (leads, inFlight int, err error) {
	r, err := n.askReport(ctx, node, noShard)
	return r.Leading, r.InFlight, err
}

// noShard is the id of no shard: for reports about the node alone.
const noShard = "-"

// reports asks all nodes that are alive how they are, all at once, and how their replicas are if wanted. Who does not
// answer is left out.
func (n *Node) reports(ctx context.Context, view *state.View, replicas bool) map[string]nodeReport {
	var shards []string
	if !replicas {
		shards = []string{noShard}
	}
	var mu sync.Mutex
	out := map[string]nodeReport{}
	var asking sync.WaitGroup
	for _, c := range n.candidates(view) {
		if !c.Alive {
			continue
		}
		asking.Go(func() {
			r, err := n.askReport(ctx, c.Node.ID, shards...)
			if err != nil {
				n.cfg.Logger.Debug("ask a node how it is", "node", c.Node.ID, "error", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out[c.Node.ID] = r
		})
	}
	asking.Wait()
	return out
}
