package coordinator

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/gossip"
	"sagasu/shard/rpc"
)

// candidates gives the nodes for placing replicas, with what gossip knows of them.
func (n *Node) candidates(view *state.View) []placement.Candidate {
	var out []placement.Candidate
	for _, known := range view.Nodes() {
		c := placement.Candidate{Node: known, Alive: known.ID == n.who.Load().ID}
		if n.net != nil && !c.Alive {
			c.Alive, c.DownFor, c.DiskUsedPercent = n.heardOf(known.ID)
		}
		if c.Node.ID == n.who.Load().ID {
			c.DiskUsedPercent, _ = diskLoad(n.cfg.DataDir)
		}
		c.OnLeave = known.Drain != nil && known.Drain.Mode == state.DrainRestart &&
			known.Drain.Holds(n.cfg.Now().UnixMilli())
		out = append(out, c)
	}
	return out
}

// Cluster tells how the cluster is, as this node sees it.
func (n *Node) Cluster(ctx context.Context) (api.ClusterStatus, error) {
	view := n.meta.View()
	status := api.ClusterStatus{
		ClusterID: view.ClusterID(), Node: n.who.Load().ID, Version: view.Version(), Current: n.meta.Current(),
		FeatureLevel: view.FeatureLevel(), Indexes: len(view.Indexes()), Health: api.HealthGreen, Problems: []string{},
	}
	status.Leader = n.metadataLeader(ctx)
	worse := func(h api.Health, format string, args ...any) {
		if status.Health != api.HealthRed {
			status.Health = h
		}
		status.Problems = append(status.Problems, fmt.Sprintf(format, args...))
	}
	if status.ClusterID == "" {
		worse(api.HealthRed, "no cluster was joined yet: check --join, or --coordinators for a new one")
	}
	if status.Leader == "" && status.ClusterID != "" {
		worse(api.HealthYellow, "no coordinator leads: indexes can't be changed until a majority of coordinators is back")
	}
	nodes, err := n.Nodes(ctx)
	if err != nil {
		return status, err
	}
	status.Nodes = len(nodes)
	for _, node := range nodes {
		if node.Status == gossip.Alive.String() {
			status.NodesAlive++
			continue
		}
		worse(api.HealthYellow, "node %s is %s", node.ID, node.Status)
	}
	if n.net != nil {
		for _, c := range n.net.gossip.Conflicts() {
			if n.cfg.Now().Sub(c.Last) < conflictShown {
				worse(api.HealthYellow, "%s", c.Text)
			}
		}
	}
	shards, err := n.Shards(ctx, "")
	if err != nil {
		return status, err
	}
	status.Shards = len(shards)
	for _, s := range shards {
		if s.Health != api.HealthGreen {
			worse(s.Health, "shard %d of index %s is %s: %s", s.Ordinal, s.Index, s.Health, explain(&s))
		}
	}
	return status, nil
}

// metadataLeader gives the leader of the coordinators, as far as this node can tell.
func (n *Node) metadataLeader(ctx context.Context) string {
	if n.meta.coordinator != nil {
		leader, _ := n.meta.group().Leader()
		return leader
	}
	for _, node := range n.net.coordinators() {
		if stats, err := n.net.groups.Status(ctx, node, metaGroup); err == nil && stats.Leader != "" {
			return stats.Leader
		}
	}
	return ""
}

// Nodes tells of every registered node, and of those gossip has met that are not yet registered.
func (n *Node) Nodes(ctx context.Context) ([]api.NodeInfo, error) {
	view := n.meta.View()
	held := view.Holding()
	members := n.coordinatorRoles(ctx)
	out := []api.NodeInfo{}
	for _, known := range view.Nodes() {
		info := api.NodeInfo{
			ID: known.ID, Roles: roleNames(known.Roles), Zone: known.Zone, Version: known.Version, RPC: known.RPCAddr,
			HTTP: known.HTTPAddr, Ops: known.OpsAddr, Replicas: held[known.ID], Coordinator: members[known.ID],
			Status: "unknown",
		}
		n.addGossip(&info)
		out = append(out, info)
	}
	if n.net == nil {
		return out, nil
	}
	for _, m := range n.net.gossip.Members() {
		if !slices.ContainsFunc(out, func(i api.NodeInfo) bool { return i.ID == m.ID }) {
			info := api.NodeInfo{ID: m.ID, Roles: m.Meta.Roles, Zone: m.Meta.Zone, Version: m.Meta.Version, RPC: m.Meta.RPC}
			n.addGossip(&info)
			out = append(out, info)
		}
	}
	return out, nil
}

// addGossip adds what gossip knows of a node.
func (n *Node) addGossip(info *api.NodeInfo) {
	if info.ID == n.who.Load().ID {
		info.Status = gossip.Alive.String()
		info.DiskUsedPercent, info.DiskFreeBytes = diskLoad(n.cfg.DataDir)
		return
	}
	if n.net == nil {
		return
	}
	if m, ok := n.net.gossip.Member(info.ID); ok {
		if known, ok := n.meta.View().Node(info.ID); ok && known.Instance != m.Meta.Instance {
			info.Status = "replaced by another instance, which the cluster refuses"
			return
		}
		info.Status, info.SinceMillis = m.Status.String(), m.Since.UnixMilli()
		info.DiskUsedPercent, info.DiskFreeBytes = m.Meta.Load.DiskUsedPercent, m.Meta.Load.DiskFreeBytes
	}
}

// coordinatorRoles gives leader, voter or learner by node.
func (n *Node) coordinatorRoles(ctx context.Context) map[string]string {
	roles := map[string]string{}
	leader := n.metadataLeader(ctx)
	for _, s := range n.metadataMembers(ctx, leader) {
		switch {
		case s.ID == leader:
			roles[s.ID] = "leader"
		case s.Voter:
			roles[s.ID] = "voter"
		default:
			roles[s.ID] = "learner"
		}
	}
	return roles
}

func (n *Node) metadataMembers(ctx context.Context, leader string) []consensus.Server {
	if n.meta.coordinator != nil {
		return n.meta.group().Servers()
	}
	if leader == "" {
		return nil
	}
	stats, err := n.net.groups.Status(ctx, leader, metaGroup)
	if err != nil {
		return nil
	}
	return stats.Members
}

func roleNames(roles []state.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

// explain says what a shard lacks.
func explain(s *api.ShardStatus) string {
	text, placed := "", 0
	for _, r := range s.Replicas {
		if r.Move != "" {
			continue
		}
		placed++
		if r.State != "leader" && r.State != "follower" {
			text += fmt.Sprintf("node %s is %s; ", r.Node, r.State)
		}
	}
	if s.Leader == "" {
		text += "nobody leads; "
	}
	if lack := s.WantedReplicas - placed; lack > 0 {
		text += fmt.Sprintf("%d of %d copies have no node", lack, s.WantedReplicas)
	}
	return text
}

// Shards asks every replica of an index, or of all indexes for "", how it is. It returns
// api.ErrIndexNotFound.
func (n *Node) Shards(ctx context.Context, index string) ([]api.ShardStatus, error) {
	if _, ok := n.meta.View().Index(index); !ok && index != "" {
		return nil, fmt.Errorf("index %q: %w", index, api.ErrIndexNotFound)
	}
	out := []api.ShardStatus{}
	for _, x := range n.meta.View().Indexes() {
		if index != "" && x.Name != index {
			continue
		}
		for _, s := range x.Shards {
			out = append(out, describeShard(&x, &s))
		}
	}
	n.askReplicas(ctx, out)
	return out, nil
}

// shardStatus asks the replicas of one shard how they are.
func (n *Node) shardStatus(ctx context.Context, x *state.Index, s *state.Shard) api.ShardStatus {
	one := []api.ShardStatus{describeShard(x, s)}
	n.askReplicas(ctx, one)
	return one[0]
}

// describeShard gives a shard as the metadata have it.
func describeShard(x *state.Index, s *state.Shard) api.ShardStatus {
	members := s.Members()
	out := api.ShardStatus{
		Index: x.Name, Shard: s.ID, Ordinal: s.Ordinal, FromSlot: s.From, ToSlot: s.To, Epoch: s.Epoch,
		WantedReplicas: x.Replicas, Replicas: make([]api.ReplicaStatus, len(members)),
	}
	for i, node := range members {
		out.Replicas[i].Node = node
		switch {
		case slices.Contains(s.Nodes, node):
		case s.Move.Switched:
			out.Replicas[i].Move = replicaLeaving
		default:
			out.Replicas[i].Move = replicaArriving
		}
	}
	return out
}

// The values of api.ReplicaStatus.Move.
const (
	replicaArriving = "arriving"
	replicaLeaving  = "leaving"
)

// askReplicas asks all replicas of shards how they are, and judges the shards.
func (n *Node) askReplicas(ctx context.Context, out []api.ShardStatus) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	var asking sync.WaitGroup
	places := make(chan struct{}, infoParallel)
	for i := range out {
		for j := range out[i].Replicas {
			places <- struct{}{}
			asking.Go(func() {
				defer func() { <-places }()
				n.askReplica(ctx, out[i].Shard, &out[i].Replicas[j])
			})
		}
	}
	asking.Wait()
	for i := range out {
		judge(&out[i])
	}
}

// askReplica fills in how a replica is.
func (n *Node) askReplica(ctx context.Context, shard string, r *api.ReplicaStatus) {
	replica, err := n.copyOn(shard, r.Node).Replica.(copyOf).find() //nolint:forcetypeassert // copyOn makes nothing else
	var info rpc.ShardInfo
	if err == nil {
		info, _, err = replica.Info(ctx, rpc.Call{Shard: shard})
	}
	switch {
	case err != nil:
		r.State, r.Error = "unreachable", err.Error()
		return
	case info.Repair != (rpc.RepairInfo{}):
		r.State, r.Error = "repairing", info.Failed
		r.Repair = &api.ReplicaRepair{
			Reason: info.Repair.Reason, From: info.Repair.From, Bytes: info.Repair.Bytes, TotalBytes: info.Repair.Total,
		}
	case info.Failed != "":
		r.State, r.Error = "failed", info.Failed
	case info.LeaderHere:
		r.State = "leader"
	case info.Leader == "":
		r.State = "catching_up"
	default:
		r.State = "follower"
	}
	r.Applied, r.Documents, r.DenseLag, r.Bytes = info.Applied, info.Documents, info.DenseLag, info.Bytes
}

// judge says how the shard is: red without a leader, yellow with fewer good copies than wanted.
func judge(s *api.ShardStatus) {
	good := 0
	for _, r := range s.Replicas {
		if r.State == "leader" {
			s.Leader = r.Node
		}
		if r.Move == "" && (r.State == "leader" || r.State == "follower") {
			good++
		}
	}
	switch {
	case s.Leader == "":
		s.Health = api.HealthRed
	case good < s.WantedReplicas:
		s.Health = api.HealthYellow
	default:
		s.Health = api.HealthGreen
	}
}
