package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sagasu/coordinator/meta"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/gossip"
)

// heardOf gives what gossip knows of a node. One that it has not met is taken to be away since this node
// began to listen.
func (n *Node) heardOf(id string) (alive bool, downFor time.Duration, diskUsedPercent int) {
	m, ok := n.net.gossip.Member(id)
	if !ok {
		return false, n.cfg.Now().Sub(n.started), 0
	}
	if known, ok := n.meta.View().Node(id); ok && known.Instance != m.Meta.Instance {
		// Another node goes by its id.
		return false, n.cfg.Now().Sub(m.Since), 0
	}
	if m.Status == gossip.Alive {
		return true, 0, m.Meta.Load.DiskUsedPercent
	}
	return false, n.cfg.Now().Sub(m.Since), m.Meta.Load.DiskUsedPercent
}

// startFounding makes this node one of the founders of a new cluster, if it was told to be one of several.
func (n *Node) startFounding() {
	expect := n.cfg.Cluster.Expect
	if expect < 2 || n.meta.coordinator == nil {
		return
	}
	founding := meta.NewFounding(meta.FoundingConfig{
		Self: n.who.Load().ID, Expect: expect, Caller: n.net, After: n.cfg.After,
		Fresh: func() bool { return n.who.Load().Cluster == "" && len(n.meta.group().Servers()) == 0 },
		Seen:  n.founders,
		Bootstrap: func(ctx context.Context, founders []string) error {
			n.cfg.Logger.Info("founding a cluster", "coordinators", founders)
			if err := n.meta.group().Found(ctx, founders); err != nil {
				return err
			}
			return n.meta.group().Lead(ctx)
		},
	})
	founding.Register(n.net.handle)
	n.running.Go(func() {
		if err := founding.Run(n.ctx); err != nil && n.ctx.Err() == nil {
			n.cfg.Logger.Error("found a cluster", "error", err)
		}
	})
}

// founders gives the coordinators that gossip sees alive and that are to found a cluster of as many, and whether
// any coordinator is in a cluster already. Those that are told to join one are no founders.
func (n *Node) founders() (ids []string, founded bool) {
	for _, m := range n.net.gossip.Members() {
		if m.Status == gossip.Alive && m.Meta.HasRole(string(state.RoleCoordinator)) {
			if m.Meta.Expect == n.cfg.Cluster.Expect {
				ids = append(ids, m.ID)
			}
			founded = founded || m.Meta.Cluster != ""
		}
	}
	return ids, founded
}

// keepCoordinators brings the members of the metadata's group closer to the coordinators that are there, on
// the node that leads it: those that join get a vote when they are up to date, those that are gone for good
// lose theirs when another one can take their place.
func (n *Node) keepCoordinators(ctx context.Context, view *state.View) error {
	if !n.meta.leads() {
		return nil
	}
	members := n.meta.group().Servers()
	want := wantedCoordinators(view, members, n.who.Load().ID, func(id string) bool {
		alive, _, _ := n.heardOf(id)
		return alive || id == n.who.Load().ID
	})
	next := consensus.NextStep(members, want, n.who.Load().ID, func(id string) bool {
		behind, err := n.meta.group().CaughtUp(ctx, id)
		return err == nil && behind <= maxBehind
	})
	if next.Kind == consensus.StepNone {
		return nil
	}
	n.cfg.Logger.Info("changing the coordinators", "step", string(next.Kind), "node", next.Node)
	return n.meta.group().Take(ctx, next)
}

// wantedCoordinators gives who shall have a vote: the members that are alive, those that are not but have
// nobody to take their place, and new ones up to maxCoordinators. A member that is away and was removed, or that
// nobody knows any more, loses its vote: what comes back under its id may be another node.
func wantedCoordinators(view *state.View, members []consensus.Server, self string, alive func(string) bool) []string {
	eligible := func(id string) bool {
		node, ok := view.Node(id)
		return ok && node.State == state.NodeActive && node.Has(state.RoleCoordinator)
	}
	want := []string{self}
	var away []string
	for _, m := range members {
		switch {
		case m.ID == self:
		case alive(m.ID) && (eligible(m.ID) || !known(view, m.ID)):
			want = append(want, m.ID)
		case known(view, m.ID) && !removed(view, m.ID):
			away = append(away, m.ID)
		}
	}
	for _, node := range view.Nodes() {
		if len(want) >= maxCoordinators {
			break
		}
		if eligible(node.ID) && alive(node.ID) && !slices.Contains(want, node.ID) {
			want = append(want, node.ID)
		}
	}
	// An odd number of votes bears as many losses as the even one above it; the dead fill up what lacks.
	for _, id := range away {
		if len(want) < len(members) {
			want = append(want, id)
		}
	}
	return want
}

func known(view *state.View, id string) bool {
	_, ok := view.Node(id)
	return ok
}

func removed(view *state.View, id string) bool {
	node, ok := view.Node(id)
	return ok && node.State == state.NodeRemoved
}

// maxBehind is how many entries a coordinator may lag behind to be given its vote.
const maxBehind = 128

// reconciled is the node as package reconcile sees it.
type reconciled struct{ *Node }

var _ reconcile.Cluster = reconciled{}

// newReconciler makes the loop that repairs shards and brings the vectors of indexes to what is wanted.
func (n *Node) newReconciler() *reconcile.Reconciler {
	return reconcile.New(reconcile.Config{
		Cluster: reconciled{n}, Every: loopEvery, Rest: n.cfg.DropRest, Now: n.cfg.Now, After: n.cfg.After,
		Logger: n.cfg.Logger,
	})
}

// View implements reconcile.Cluster.
func (n reconciled) View() *state.View { return n.meta.View() }

// Leads implements reconcile.Cluster.
func (n reconciled) Leads() bool { return n.meta.leads() }

// Candidates implements reconcile.Cluster.
func (n reconciled) Candidates(view *state.View) []placement.Candidate { return n.candidates(view) }

// Propose implements reconcile.Cluster.
func (n reconciled) Propose(ctx context.Context, c state.Change) (state.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return n.meta.Propose(ctx, c)
}

// Settled implements reconcile.Cluster: the group's leader says who its members are.
func (n reconciled) Settled(ctx context.Context, s state.Shard, added string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	var errs []error
	for _, node := range s.Members() {
		stats, err := n.net.groups.Status(ctx, node, s.ID)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask %s: %w", node, err))
			continue
		}
		if stats.State != "Leader" {
			continue
		}
		return settled(stats.Members, s.Members(), added), nil
	}
	return false, errors.Join(errs...)
}

// settled reports whether a group's members have gone along with a change of the nodes wanted.
func settled(members []consensus.Server, want []string, added string) bool {
	voting := added == ""
	for _, m := range members {
		if !slices.Contains(want, m.ID) {
			return false
		}
		voting = voting || m.ID == added && m.Voter
	}
	return voting
}
