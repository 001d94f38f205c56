package coordinator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/coordinator/meta"
	"sagasu/coordinator/state"
	"sagasu/internal/gossip"
	"sagasu/shard"
)

// start runs the loops of the node. Each looks at the metadata and does its part; what one misses, it or
// another node does at the next turn.
func (n *Node) start() {
	n.loop("found the cluster", n.foundCluster)
	n.loop("join the cluster", n.joinCluster)
	n.loop("load dictionaries", n.warmAnalyzers())
	n.loop("end comparisons that were lost", n.lostComparisons)
	n.loop("end verifications of snapshots that were lost", n.lostVerifications)
	n.loop("hand over the metadata and come back", n.keepDrain)
	n.jobs.Start()
	n.loop("keep jobs", n.keepJobs)
	n.loop("make the first key", n.makeFirstKey)
	n.loop("note the use of keys", n.noteKeyUse)
	if n.register != nil {
		n.register.start()
	}
	if n.host != nil {
		n.loop("hold replicas", n.holdReplicas)
	}
	if n.meta.coordinator != nil {
		n.loop("know the newest metadata", n.knowNewest)
		n.loop("raise the feature level", n.raiseLevel)
		n.loop("end jobs of removed nodes", n.endLostJobs)
		n.running.Go(func() { n.newReconciler().Run(n.ctx) })
		n.running.Go(n.keepSnapshots)
	}
	if n.net != nil {
		n.running.Go(n.tellLoad)
	}
	if n.net != nil && n.meta.coordinator != nil {
		n.loop("keep the coordinators", n.keepCoordinators)
		n.running.Go(func() { n.meta.mend(n.ctx, &n.cfg) })
	}
}

// loop runs step whenever the metadata change, and every loopEvery at least. A failure is logged when it
// differs from the one before, and tried again.
func (n *Node) loop(what string, step func(ctx context.Context, view *state.View) error) {
	n.running.Go(func() {
		last := ""
		for n.ctx.Err() == nil {
			changed := n.meta.Changed()
			ctx, cancel := context.WithTimeout(n.ctx, commandTimeout)
			err := step(ctx, n.meta.View())
			cancel()
			if err != nil && n.ctx.Err() == nil && err.Error() != last {
				last = err.Error()
				n.cfg.Logger.Warn(what, "error", err)
			} else if err == nil {
				last = ""
			}
			select {
			case <-changed:
			case <-n.cfg.After(loopEvery):
			case <-n.ctx.Done():
			}
		}
	})
}

// foundCluster names a new cluster, on the node that leads its metadata first.
func (n *Node) foundCluster(ctx context.Context, view *state.View) error {
	if view.ClusterID() != "" || !n.meta.leads() {
		return nil
	}
	id, err := newUUID()
	if err != nil {
		return err
	}
	_, err = n.meta.Propose(ctx, state.FoundCluster{ClusterID: id, Level: state.Level})
	if errors.Is(err, state.ErrCluster) {
		return nil
	}
	return err
}

// joinCluster notes which cluster this node belongs to, and registers it with its present addresses.
func (n *Node) joinCluster(ctx context.Context, view *state.View) error {
	id := view.ClusterID()
	if id == "" {
		return n.askToJoin(ctx)
	}
	who := *n.who.Load()
	if who.Cluster != "" && who.Cluster != id {
		return fmt.Errorf("%w: %s belongs to cluster %s, not %s", ErrIdentity, n.cfg.DataDir, who.Cluster, id)
	}
	if who.Cluster == "" {
		who.Cluster = id
		if err := who.write(n.cfg.FS, filepath.Join(n.cfg.DataDir, nodeFile)); err != nil {
			return err
		}
		n.who.Store(&who)
	}
	if n.net != nil {
		n.net.gossip.Update(func(m *gossip.Meta) { m.Cluster = id })
	}
	own := n.registration()
	if present, ok := view.Node(own.ID); ok && sameRegistration(present, own) {
		return nil
	}
	own.RegisteredMillis = n.cfg.Now().UnixMilli()
	_, err := n.meta.Propose(ctx, state.RegisterNode{Node: own})
	if err != nil {
		n.joinTrouble.Store(&err)
		return err
	}
	n.joinTrouble.Store(nil)
	return nil
}

// askToJoin registers a coordinator with a cluster that it knows from gossip only. It learns of the metadata as a
// member of their group, whose leader takes in registered nodes alone.
func (n *Node) askToJoin(ctx context.Context) error {
	if n.net == nil || n.meta.coordinator == nil || len(n.meta.group().Servers()) > 0 {
		return nil
	}
	if _, founded := n.founders(); !founded {
		return nil
	}
	own := n.registration()
	own.RegisteredMillis = n.cfg.Now().UnixMilli()
	_, err := meta.Propose(ctx, n.net, n.net.coordinators, n.cfg.After, state.RegisterNode{Node: own})
	if err != nil {
		n.joinTrouble.Store(&err)
		return fmt.Errorf("ask to join: %w", err)
	}
	n.joinTrouble.Store(nil)
	return nil
}

// registration is this node as the metadata shall know it.
func (n *Node) registration() state.Node {
	who := n.who.Load()
	own := state.Node{
		ID: who.ID, Instance: who.Instance, Roles: n.cfg.Roles, Zone: n.cfg.Zone, Version: n.cfg.Version,
		HTTPAddr: n.cfg.HTTPAddr, OpsAddr: n.cfg.OpsAddr, Level: state.Level, State: state.NodeActive,
	}
	if n.net != nil {
		own.HTTPAddr, own.OpsAddr = n.net.advertise(own.HTTPAddr), n.net.advertise(own.OpsAddr)
		own.RPCAddr = n.net.advertise(n.net.listener.Addr().String())
		own.GossipAddr = n.net.gossip.Addr()
	}
	return own
}

// sameRegistration reports whether nothing of a registration has changed.
func sameRegistration(a, b state.Node) bool {
	return a.Instance == b.Instance && fmt.Sprint(a.Roles) == fmt.Sprint(b.Roles) && a.Zone == b.Zone &&
		a.Version == b.Version && a.RPCAddr == b.RPCAddr && a.HTTPAddr == b.HTTPAddr && a.OpsAddr == b.OpsAddr &&
		a.GossipAddr == b.GossipAddr && a.Level == b.Level && a.State == b.State
}

// gossipMeta is this node as gossip tells of it at first.
func (n *Node) gossipMeta() gossip.Meta {
	who := n.who.Load()
	m := gossip.Meta{
		Cluster: who.Cluster, Instance: who.Instance, Zone: n.cfg.Zone, Version: n.cfg.Version,
		RPC:  n.net.advertise(n.net.listener.Addr().String()),
		HTTP: n.net.advertise(n.cfg.HTTPAddr), Ops: n.net.advertise(n.cfg.OpsAddr),
		Level: state.Level, Expect: n.cfg.Cluster.Expect,
	}
	for _, r := range n.cfg.Roles {
		m.Roles = append(m.Roles, string(r))
	}
	return m
}

// holdReplicas tells the host which replicas it shall hold.
func (n *Node) holdReplicas(_ context.Context, view *state.View) error {
	n.resting.look(view, n.cfg.Now())
	yielding := drained(view)
	assignment := func(x state.Index, s state.Shard) shard.Assignment {
		return shard.Assignment{
			Shard: s.ID, Index: x.Name, IndexID: x.UUID, Schema: x.Schema, Next: x.Next, Retired: x.Retired,
			Resting: n.resting.of(&x, n.cfg.Now().Add(-n.cfg.DropRest)), From: s.From, To: s.To,
			Seed: x.Restore != nil, Epoch: s.Epoch, Nodes: s.Members(), Founded: s.Founded,
			Mixed:    view.FeatureLevel() < state.LevelGenerations,
			Yielding: yielding, CopyBytesPerSecond: copyRate(view, &s), CopyPaused: copyPaused(view, &s),
		}
	}
	var assigned []shard.Assignment
	for _, placed := range view.ShardsOn(n.who.Load().ID) {
		assigned = append(assigned, assignment(placed.Index, placed.Shard))
	}
	find := func(id string) (shard.Assignment, bool) {
		x, s, there := view.Shard(id)
		return assignment(x, s), there
	}
	// Before the metadata are known to have been the newest once, what they lack may only be missing here.
	sure := n.meta.Current() && view.ClusterID() != ""
	return n.host.Assign(view.Version(), assigned, find, sure)
}

// drained gives the nodes that are being drained.
func drained(view *state.View) (nodes []string) {
	for _, known := range view.Nodes() {
		if known.Drain != nil {
			nodes = append(nodes, known.ID)
		}
	}
	return nodes
}

// copyRate is how fast a replica that is being made may be copied, in bytes per second.
func copyRate(view *state.View, s *state.Shard) uint64 {
	if s.Move == nil {
		return 0
	}
	if o, ok := view.Operation(s.Move.Operation); ok && o.Throttle != 0 {
		return o.Throttle
	}
	return uint64(view.Number(state.SettingMoveBytes))
}

// copyPaused reports whether it rests.
func copyPaused(view *state.View, s *state.Shard) bool {
	if s.Move == nil {
		return false
	}
	o, _ := view.Operation(s.Move.Operation)
	return o.State == state.OperationPaused
}

// knowNewest finds out once that this coordinator's metadata are not older than the leader's.
func (n *Node) knowNewest(ctx context.Context, _ *state.View) error {
	if n.meta.Current() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, loopEvery)
	defer cancel()
	if err := n.meta.Sync(ctx); err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return nil
}

// raiseLevel raises the cluster's feature level as soon as every node can run the next, on the node that leads the
// metadata. From then on no older node can join.
func (n *Node) raiseLevel(ctx context.Context, view *state.View) error {
	if view.ClusterID() == "" || view.FeatureLevel() >= state.Level || !n.meta.leads() || len(outdated(view)) > 0 {
		return nil
	}
	_, err := n.meta.Propose(ctx, state.RaiseLevel{Level: state.Level})
	if errors.Is(err, state.ErrLevel) {
		return nil // an older node has just registered
	}
	return err
}

// outdated gives the nodes that keep the feature level from being raised.
func outdated(view *state.View) (nodes []string) {
	for _, node := range view.Nodes() {
		if node.State == state.NodeActive && node.Level < state.Level {
			nodes = append(nodes, node.ID)
		}
	}
	return nodes
}

// markFounded tells the metadata that a shard's group exists.
func (n *Node) markFounded(ctx context.Context, id string) error {
	_, err := n.meta.Propose(ctx, state.MarkFounded{Shard: id})
	if errors.Is(err, state.ErrShardNotFound) {
		return nil // it was deleted meanwhile
	}
	return err
}

// settle returns when a node on its own is registered and holds its replicas.
func (n *Node) settle(ctx context.Context) error {
	for {
		changed := n.meta.Changed()
		view := n.meta.View()
		if _, ok := view.Node(n.who.Load().ID); ok && n.meta.Current() {
			return n.holdReplicas(ctx, view)
		}
		select {
		case <-changed:
		case <-n.cfg.After(loopEvery / 20):
		case <-ctx.Done():
			return fmt.Errorf("start node: %w", ctx.Err())
		}
	}
}

// tellLoad spreads the node's load by gossip, coarsely.
func (n *Node) tellLoad() {
	for {
		load := gossip.Load{}
		if n.host != nil {
			load.Shards = n.host.Shards()
		}
		load.DiskUsedPercent, load.DiskFreeBytes = diskLoad(n.cfg.DataDir)
		n.net.gossip.Update(func(m *gossip.Meta) { m.Load = load })
		select {
		case <-n.cfg.After(loadEvery):
		case <-n.ctx.Done():
			return
		}
	}
}
