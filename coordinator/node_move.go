package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
)

// refusal gives a refusal of a change of the cluster its name; other errors as they are.
func refusal(field string, err error) error {
	for _, r := range []struct {
		is     error
		reason string
	}{
		{placement.ErrUnknownNode, api.RefusedUnknown},
		{state.ErrNodeNotFound, api.RefusedUnknown},
		{state.ErrShardNotFound, api.RefusedUnknown},
		{placement.ErrSameNode, api.RefusedSameNode},
		{placement.ErrSameZone, api.RefusedSameZone},
		{placement.ErrNoReplica, api.RefusedNoReplica},
		{placement.ErrDraining, api.RefusedDraining},
		{placement.ErrAway, api.RefusedAway},
		{placement.ErrFull, api.RefusedFull},
		{placement.ErrMoving, api.RefusedMoving},
		{state.ErrMoving, api.RefusedMoving},
		{state.ErrEpoch, api.RefusedMoving},
		{placement.ErrUnhealthy, api.RefusedUnhealthy},
		{state.ErrNotFounded, api.RefusedUnhealthy},
		{state.ErrDraining, api.RefusedOther},
	} {
		if errors.Is(err, r.is) {
			return api.Refused(r.reason, field, "%v", err)
		}
	}
	return translate(err)
}

// newest returns this node's metadata once they are not older than the call, if their level allows for operations.
func (n *Node) newest(ctx context.Context) (*state.View, error) {
	if err := n.sync(ctx); err != nil {
		return nil, fmt.Errorf("read the newest metadata: %w: %w", api.ErrUnavailable, err)
	}
	view := n.meta.View()
	return view, n.needLevel(view, state.LevelOperations)
}

// MoveReplica begins to bring a replica from one node to another, or only says what that would be. Refusals are
// *api.Problem with their reason.
func (n *Node) MoveReplica(ctx context.Context, req api.MoveRequest, by string) (api.Move, error) {
	view, err := n.newest(ctx)
	if err != nil {
		return api.Move{}, err
	}
	x, s, ok := view.Shard(req.Shard)
	if !ok {
		return api.Move{}, api.Refused(api.RefusedUnknown, "shard", "there is no shard %.100q", req.Shard)
	}
	if err := placement.Refuse(view, n.candidates(view), s, req.From, req.To); err != nil {
		field := "to"
		if errors.Is(err, placement.ErrNoReplica) {
			field = "from"
		}
		return api.Move{}, refusal(field, err)
	}
	if err := n.wellWithout(ctx, &x, &s, req.From); err != nil {
		return api.Move{}, err
	}
	m := api.Move{
		Index: x.Name, Shard: s.ID, From: req.From, To: req.To,
		Reason: fmt.Sprintf("asked for: replica of shard %d of index %s from node %s to %s", s.Ordinal, x.Name, req.From, req.To),
	}
	if from, err := n.askReport(ctx, req.From, s.ID); err == nil {
		r, _ := from.replica(s.ID)
		m.Bytes = uint64(r.Bytes)
	}
	if to, err := n.askReport(ctx, req.To, noShard); err == nil {
		disk := placement.Disk{Total: to.DiskTotalBytes, Free: to.DiskFreeBytes}
		if err := placement.Fits(view, req.To, disk, m.Bytes); err != nil {
			return api.Move{}, refusal("to", err)
		}
	}
	m.EstimateSeconds = copyTime(view, req.Throttle, m.Bytes)
	if req.DryRun {
		return m, nil
	}
	m.Operation = reconcile.KindMove + "-" + short(s.ID) + "-" + strconv.FormatInt(n.cfg.Now().UnixMilli(), 36)
	o := n.moveOperation(&m, by)
	o.State, o.Step, o.StartedMillis, o.Throttle = state.OperationRunning, reconcile.StepAdd, o.CreatedMillis, req.Throttle
	b := state.BeginMove{Shard: s.ID, Epoch: s.Epoch, From: req.From, To: req.To, Operation: o}
	if _, err := n.meta.Propose(ctx, b); err != nil {
		return api.Move{}, refusal("to", err)
	}
	return m, nil
}

// short cuts an id for being a part of another.
func short(id string) string { return id[:min(len(id), 40)] }

// copyTime is about how long so many bytes take, in seconds.
func copyTime(view *state.View, throttle, bytes uint64) float64 {
	if throttle == 0 {
		throttle = uint64(view.Number(state.SettingMoveBytes))
	}
	return float64(bytes) / float64(throttle)
}

// moveOperation is the operation of a move that is planned.
func (n *Node) moveOperation(m *api.Move, by string) state.Operation {
	now := n.cfg.Now().UnixMilli()
	return state.Operation{
		ID: m.Operation, Kind: reconcile.KindMove, State: state.OperationPending, Reason: m.Reason, Index: m.Index,
		Shard: m.Shard, From: m.From, Node: m.To, RequestedBy: by, TotalBytes: m.Bytes, CreatedMillis: now,
		UpdatedMillis: now,
	}
}

// wellWithout refuses a change of a shard whose copies, but for one that may be ill, are not all well.
func (n *Node) wellWithout(ctx context.Context, x *state.Index, s *state.Shard, node string) error {
	status := n.shardStatus(ctx, x, s)
	if status.Leader == "" {
		return api.Refused(api.RefusedUnhealthy, "shard", "nobody leads shard %s", s.ID)
	}
	for _, r := range status.Replicas {
		if r.Node != node && !inSync(&status, &r) {
			return api.Refused(api.RefusedUnhealthy, "shard", "the replica of shard %s on node %s is %s %s", s.ID, r.Node,
				r.State, r.Error)
		}
	}
	return nil
}

// inSync reports whether a copy has all, but for what is on its way.
func inSync(s *api.ShardStatus, r *api.ReplicaStatus) bool {
	if r.State != "leader" && r.State != "follower" {
		return false
	}
	at := slices.IndexFunc(s.Replicas, func(l api.ReplicaStatus) bool { return l.Node == s.Leader })
	return at >= 0 && r.Applied+maxLagging >= s.Replicas[at].Applied
}

// cancelMove asks for a move, or what consists of moves, to be brought back.
func (n *Node) cancelMove(ctx context.Context, o state.Operation) error {
	if o.Kind == reconcile.KindMove && o.Step == reconcile.StepRemove {
		return api.NewProblem(api.ProblemConflict, 409, "id",
			"it is too late for operation %s: node %s is giving up its replica; move it back instead", o.ID, o.From)
	}
	return n.steer(ctx, state.SteerOperation{
		ID: o.ID, Action: state.SteerCancel, Millis: n.cfg.Now().UnixMilli(),
	})
}
