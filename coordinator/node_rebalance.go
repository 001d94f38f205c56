package coordinator

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
)

// loads gathers what shards and nodes carry.
func (n *Node) loads(ctx context.Context, view *state.View) placement.Loads {
	l := placement.Loads{Shards: map[string]placement.ShardLoad{}, Disks: map[string]placement.Disk{}}
	reads := map[string]float64{}
	for id, r := range n.reports(ctx, view, true) {
		l.Disks[id] = placement.Disk{Total: r.DiskTotalBytes, Free: r.DiskFreeBytes}
		for _, replica := range r.Replicas {
			load := l.Shards[replica.Shard]
			load.Bytes = max(load.Bytes, uint64(replica.Bytes))
			l.Shards[replica.Shard] = load
			reads[replica.Shard] += replica.ReadsPerSecond
		}
	}
	for id, sum := range reads {
		if _, s, ok := view.Shard(id); ok {
			load := l.Shards[id]
			load.Reads = sum / float64(len(s.Nodes))
			l.Shards[id] = load
		}
	}
	return l
}

// Rebalance begins the moves that bring replicas to where they should be, or only plans them. A *api.Problem while
// another rebalance runs.
func (n *Node) Rebalance(ctx context.Context, req api.RebalanceRequest, by string) (api.RebalancePlan, error) {
	view, err := n.newest(ctx)
	if err != nil {
		return api.RebalancePlan{}, err
	}
	candidates, loads := n.candidates(view), n.loads(ctx, view)
	plan := placement.Balance(view, candidates, loads, placement.RulesOf(view))
	out := api.RebalancePlan{
		DryRun: req.DryRun, Moves: []api.Move{}, More: plan.More, Unmet: append([]string{}, plan.Unmet...),
		Nodes: nodeLoads(candidates, loads, &plan),
	}
	for _, m := range plan.Moves {
		out.Moves = append(out.Moves, api.Move{
			Index: m.Index, Shard: m.Shard, From: m.From, To: m.To, Reason: m.Reason, Bytes: m.Bytes,
			EstimateSeconds: copyTime(view, req.Throttle, m.Bytes),
		})
	}
	total(view, req.Throttle, &out)
	if req.DryRun || len(out.Moves) == 0 {
		return out, nil
	}
	reason := fmt.Sprintf("bring %d replicas to where they should be", len(out.Moves))
	return out, n.beginRebalance(ctx, view, &out, req.Throttle, reason, by)
}

// total sums up the moves of a plan: some run at a time, each at its own rate.
func total(view *state.View, throttle uint64, plan *api.RebalancePlan) {
	for _, m := range plan.Moves {
		plan.Bytes += m.Bytes
	}
	together := min(view.Number(state.SettingMoveParallel), max(len(plan.Moves), 1))
	plan.EstimateSeconds = copyTime(view, throttle, plan.Bytes) / float64(together)
}

// beginRebalance notes the operations of a plan. Its id follows from the version of the metadata, so that of two
// operators who ask at once one gets the other's.
func (n *Node) beginRebalance(ctx context.Context, view *state.View, plan *api.RebalancePlan, throttle uint64,
	reason, by string,
) error {
	for _, o := range view.Operations() {
		if o.Kind == reconcile.KindRebalance && !o.State.Ended() {
			return api.Refused(api.RefusedRunning, "", "rebalance %s is %s: wait for its end, or cancel it", o.ID, o.State)
		}
	}
	plan.Operation = fmt.Sprintf("%s-%d", reconcile.KindRebalance, view.Version())
	now := n.cfg.Now().UnixMilli()
	all := []state.Operation{{
		ID: plan.Operation, Kind: reconcile.KindRebalance, State: state.OperationRunning, Reason: reason,
		RequestedBy: by, Throttle: throttle, Total: uint64(len(plan.Moves)), TotalBytes: plan.Bytes, CreatedMillis: now,
		UpdatedMillis: now, StartedMillis: now,
	}}
	for i := range plan.Moves {
		m := &plan.Moves[i]
		m.Operation = plan.Operation + "-" + strconv.Itoa(i)
		o := n.moveOperation(m, by)
		o.Parent, o.Throttle = plan.Operation, throttle
		all = append(all, o)
	}
	if _, err := n.meta.Propose(ctx, state.BeginOperations{Operations: all}); err != nil {
		return fmt.Errorf("note the moves: %w", translate(err))
	}
	return nil
}

// nodeLoads tells what each node carries before and after a plan.
func nodeLoads(candidates []placement.Candidate, loads placement.Loads, plan *placement.Plan) []api.NodeLoad {
	out := []api.NodeLoad{}
	for _, c := range candidates {
		if !c.Node.Has(state.RoleShard) {
			continue
		}
		load := api.NodeLoad{
			Node: c.Node.ID, Zone: c.Node.Zone, Alive: c.Alive, DiskUsedPercent: c.DiskUsedPercent,
			DiskTotalBytes: loads.Disks[c.Node.ID].Total,
		}
		if c.Node.Drain != nil {
			load.Drained = string(c.Node.Drain.Mode)
		}
		same := func(x placement.Carried) bool { return x.Node == c.Node.ID }
		if at := slices.IndexFunc(plan.Before, same); at >= 0 {
			b := plan.Before[at]
			load.Replicas, load.Bytes, load.SearchesPerSec = b.Replicas, b.Bytes, b.Reads
		}
		if at := slices.IndexFunc(plan.After, same); at >= 0 {
			a := plan.After[at]
			load.ReplicasAfter, load.BytesAfter, load.SearchesAfter = a.Replicas, a.Bytes, a.Reads
		}
		out = append(out, load)
	}
	return out
}

// UndoOperation brings back what an ended move or rebalance has moved.
func (n *Node) UndoOperation(ctx context.Context, id, by string) (api.RebalancePlan, error) {
	if _, err := n.findOperation(ctx, id); err != nil {
		return api.RebalancePlan{}, err
	}
	view, err := n.newest(ctx)
	if err != nil {
		return api.RebalancePlan{}, err
	}
	o, _ := view.Operation(id)
	switch {
	case o.Kind != reconcile.KindMove && o.Kind != reconcile.KindRebalance:
		return api.RebalancePlan{}, api.NewProblem(api.ProblemConflict, 409, "id", "operations of kind %s can't be undone",
			o.Kind)
	case !o.State.Ended():
		return api.RebalancePlan{}, api.NewProblem(api.ProblemConflict, 409, "id", "operation %s is %s: cancel it instead",
			id, o.State)
	}
	plan := api.RebalancePlan{Moves: []api.Move{}, Unmet: []string{}, Nodes: []api.NodeLoad{}}
	for _, m := range slices.Backward(view.Operations()) {
		if m.Kind != reconcile.KindMove || m.ID != id && m.Parent != id || m.State != state.OperationDone {
			continue
		}
		back := api.Move{
			Index: m.Index, Shard: m.Shard, From: m.Node, To: m.From, Bytes: m.TotalBytes, Reason: "undo " + m.ID,
			EstimateSeconds: copyTime(view, 0, m.TotalBytes),
		}
		_, s, ok := view.Shard(m.Shard)
		if !ok {
			continue // it went with its index
		}
		if err := placement.Refuse(view, n.candidates(view), s, back.From, back.To); err != nil {
			plan.Unmet = append(plan.Unmet, fmt.Sprintf("move of shard %s back to node %s: %v", s.ID, back.To, err))
			continue
		}
		plan.Moves = append(plan.Moves, back)
	}
	if len(plan.Moves) == 0 {
		return plan, api.NewProblem(api.ProblemConflict, 409, "id", "nothing of operation %s can be undone: %q", id, plan.Unmet)
	}
	total(view, 0, &plan)
	return plan, n.beginRebalance(ctx, view, &plan, 0, "undo "+id, by)
}

// ExplainShard says why the replicas of a shard are where they are.
func (n *Node) ExplainShard(ctx context.Context, id string) (api.ShardExplanation, error) {
	view := n.meta.View()
	x, s, ok := view.Shard(id)
	if !ok {
		return api.ShardExplanation{}, api.NewProblem(api.ProblemNotFound, 404, "id", "there is no shard %.100q", id)
	}
	status := n.shardStatus(ctx, &x, &s)
	out := api.ShardExplanation{
		Index: x.Name, Shard: s.ID, Health: status.Health, Wanted: x.Replicas, Placed: len(s.Nodes),
		Nodes: []api.PlaceVerdict{},
	}
	if s.Move != nil {
		out.Operation = s.Move.Operation
	}
	nodes, unassigned := placement.Explain(view, n.candidates(view), n.loads(ctx, view), placement.RulesOf(view), x, s)
	out.Unassigned = unassigned
	for _, v := range nodes {
		verdict := api.PlaceVerdict{Node: v.Node, Zone: v.Zone, Here: v.Here, Possible: v.Possible, Reasons: v.Reasons}
		for _, r := range status.Replicas {
			if r.Node == v.Node {
				verdict.Reasons = append(verdict.Reasons, "it is "+r.State)
			}
		}
		out.Nodes = append(out.Nodes, verdict)
	}
	return out, nil
}

// SetReplicas changes how many copies of its shards an index wants; they are made or given up one after the other.
func (n *Node) SetReplicas(ctx context.Context, index string, replicas int) (api.IndexInfo, error) {
	if err := n.sync(ctx); err != nil {
		return api.IndexInfo{}, fmt.Errorf("change the replicas of index %q: %w: %w", index, api.ErrUnavailable, err)
	}
	x, ok := n.meta.View().Resolve(index)
	if !ok {
		return api.IndexInfo{}, fmt.Errorf("index %q: %w", index, api.ErrIndexNotFound)
	}
	if n.net == nil && replicas != 1 {
		return api.IndexInfo{}, api.NewProblem(api.ProblemRequest, 400, "replicas",
			"is %d: a node on its own has one copy of everything", replicas)
	}
	if _, err := n.meta.Propose(ctx, state.SetCopies{Name: x.Name, UUID: x.UUID, Replicas: replicas}); err != nil {
		return api.IndexInfo{}, fmt.Errorf("change the replicas of index %q: %w", index, translate(err))
	}
	return n.GetIndex(ctx, x.Name)
}
