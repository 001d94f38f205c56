package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
)

// The values of api.DrainStatus.State.
const (
	drainNone = "none"
	draining  = "draining"
	drainDone = "drained"
)

// DrainNode begins to make a node ready for a restart or its removal. Refusals are *api.Problem with their reason.
func (n *Node) DrainNode(ctx context.Context, id string, req api.DrainRequest, by string) (api.DrainStatus, error) {
	view, err := n.newest(ctx)
	if err != nil {
		return api.DrainStatus{}, err
	}
	known, ok := view.Node(id)
	if !ok || known.State != state.NodeActive {
		return api.DrainStatus{}, api.Refused(api.RefusedUnknown, "id", "there is no node %.100q", id)
	}
	mode := state.DrainMode(req.Mode)
	if known.Drain != nil && known.Drain.Mode == mode {
		return n.DrainStatus(ctx, id)
	}
	if err := n.refuseDrain(ctx, view, id, mode); err != nil {
		return api.DrainStatus{}, err
	}
	if req.DryRun {
		return n.drainStatus(ctx, view, id)
	}
	if err := n.startDrain(ctx, &known, mode, req.LeaseSeconds, by); err != nil {
		return api.DrainStatus{}, err
	}
	return n.DrainStatus(ctx, id)
}

// startDrain proposes it.
func (n *Node) startDrain(ctx context.Context, known *state.Node, mode state.DrainMode, leaseSeconds int, by string,
) error {
	now := n.cfg.Now().UnixMilli()
	o := state.Operation{
		ID:   reconcile.KindDrain + "-" + short(known.ID) + "-" + strconv.FormatInt(now, 36),
		Kind: reconcile.KindDrain, State: state.OperationRunning, Node: known.ID, RequestedBy: by,
		Reason: fmt.Sprintf("node %s is drained for a %s", known.ID, mode), Step: reconcile.StepLeaders,
		CreatedMillis: now, UpdatedMillis: now, StartedMillis: now,
	}
	d := state.Drain{Mode: mode, Operation: o.ID, SinceMillis: now}
	if mode == state.DrainRestart {
		if leaseSeconds == 0 {
			leaseSeconds = n.meta.View().Number(state.SettingDrainLease)
		}
		d.UntilMillis = now + int64(leaseSeconds)*1000
	}
	_, err := n.meta.Propose(ctx, state.StartDrain{Node: known.ID, Instance: known.Instance, Drain: d, Operation: o})
	return refusal("id", err)
}

// refuseDrain says why a node must not go now; nil if it may.
func (n *Node) refuseDrain(ctx context.Context, view *state.View, id string, mode state.DrainMode) error {
	for _, other := range view.Nodes() {
		known, _ := view.Node(id)
		if other.ID != id && other.Drain.Holds(n.cfg.Now().UnixMilli()) && (other.Zone == "" || other.Zone != known.Zone) {
			return api.Refused(api.RefusedOther, "id", "node %s is being drained: wait until it is back, or undrain it",
				other.ID)
		}
	}
	if err := n.refuseVote(ctx, id); err != nil {
		return err
	}
	for _, placed := range view.ShardsOn(id) {
		status := n.shardStatus(ctx, &placed.Index, &placed.Shard)
		if status.Leader == "" {
			return api.Refused(api.RefusedRed, "id", "nobody leads shard %s of index %s", placed.Shard.ID, placed.Index.Name)
		}
		others := 0
		for _, r := range status.Replicas {
			if r.Node != id && inSync(&status, &r) {
				others++
			}
		}
		switch {
		case mode == state.DrainRemove:
			if err := n.refuseLeaving(view, &placed, id); err != nil {
				return err
			}
		case others == 0:
			return api.Refused(api.RefusedLastCopy, "id", "node %s has the only copy of shard %s of index %s that has "+
				"everything", id, placed.Shard.ID, placed.Index.Name)
		case others <= len(placed.Shard.Members())/2:
			return api.Refused(api.RefusedQuorum, "id", "without node %s, shard %s of index %s has %d of %d copies: no "+
				"majority, so it would take no writes", id, placed.Shard.ID, placed.Index.Name, others,
				len(placed.Shard.Members()))
		}
	}
	return nil
}

// refuseVote says why a coordinator must not go: the others would be no majority. The only one may, for there is no
// other way to restart it.
func (n *Node) refuseVote(ctx context.Context, id string) error {
	voters, others, votes := 0, 0, false
	for _, m := range n.metadataMembers(ctx, n.metadataLeader(ctx)) {
		if !m.Voter {
			continue
		}
		voters++
		alive := m.ID == n.who.Load().ID
		if !alive && n.net != nil {
			alive, _, _ = n.heardOf(m.ID)
		}
		switch {
		case m.ID == id:
			votes = true
		case alive:
			others++
		}
	}
	if votes && voters > 1 && others <= voters/2 {
		return api.Refused(api.RefusedQuorum, "id", "without node %s, %d of %d coordinators are left: no majority, so nothing "+
			"of the cluster could be changed", id, others, voters)
	}
	return nil
}

// refuseLeaving says why a shard's replica can't leave a node for good: it is needed, and no other can take it.
func (n *Node) refuseLeaving(view *state.View, placed *state.Placed, id string) error {
	s := placed.Shard
	if len(s.Nodes) > placed.Index.Replicas || !slices.Contains(s.Nodes, id) {
		return nil
	}
	s.Move = nil
	candidates := n.candidates(view)
	var why []error
	for _, c := range candidates {
		err := placement.Refuse(view, candidates, s, id, c.Node.ID)
		if err == nil || errors.Is(err, placement.ErrSameZone) {
			return nil
		}
		if c.Node.ID != id {
			why = append(why, err)
		}
	}
	return api.Refused(api.RefusedNowhere, "id", "no other node can take the replica of shard %s of index %s: %v", s.ID,
		placed.Index.Name, errors.Join(why...))
}

// UndrainNode lets a node serve as before.
func (n *Node) UndrainNode(ctx context.Context, id string) (api.DrainStatus, error) {
	view, err := n.newest(ctx)
	if err != nil {
		return api.DrainStatus{}, err
	}
	known, ok := view.Node(id)
	if !ok {
		return api.DrainStatus{}, api.Refused(api.RefusedUnknown, "id", "there is no node %.100q", id)
	}
	if known.Drain == nil {
		return api.DrainStatus{}, api.NewProblem(api.ProblemConflict, 409, "id", "node %s is not drained", id)
	}
	if _, err := n.meta.Propose(ctx, state.EndDrain{Node: id, Operation: known.Drain.Operation}); err != nil {
		return api.DrainStatus{}, refusal("id", err)
	}
	return n.DrainStatus(ctx, id)
}

// DrainStatus tells how far the draining of a node is.
func (n *Node) DrainStatus(ctx context.Context, id string) (api.DrainStatus, error) {
	return n.drainStatus(ctx, n.meta.View(), id)
}

func (n *Node) drainStatus(ctx context.Context, view *state.View, id string) (api.DrainStatus, error) {
	known, ok := view.Node(id)
	if !ok {
		return api.DrainStatus{}, api.Refused(api.RefusedUnknown, "id", "there is no node %.100q", id)
	}
	out := api.DrainStatus{Node: id, State: drainNone}
	r, err := n.askReport(ctx, id, noShard)
	if err == nil {
		out.LeadersLeft, out.InFlight = r.Leading, r.InFlight
	}
	if known.Drain == nil {
		return out, nil
	}
	out.State, out.Mode, out.Operation = draining, string(known.Drain.Mode), known.Drain.Operation
	out.UntilMillis = known.Drain.UntilMillis
	if known.Drain.Mode == state.DrainRemove {
		out.ReplicasLeft = view.Holding()[id]
	}
	if o, ok := view.Operation(known.Drain.Operation); ok {
		out.EstimateSeconds = estimate(o)
	}
	switch {
	case out.LeadersLeft == 0 && out.InFlight == 0 && out.ReplicasLeft == 0:
		out.State, out.EstimateSeconds = drainDone, 0
	case out.EstimateSeconds == 0 && out.ReplicasLeft == 0:
		out.EstimateSeconds = float64(out.LeadersLeft)/drainPace + 1
	}
	return out, nil
}

// returning tells how this process has met the drain of its node.
type returning struct {
	// looked is set once the metadata were seen to be current; began is the operation that drained the node before
	// this process began, which so ends with it being ready.
	looked atomic.Bool
	began  atomic.Pointer[string]
	// retiring is set when the process is about to end.
	retiring atomic.Bool
}

// keepDrain hands the metadata over while this node is drained, and ends the drain that this process has come back
// from.
func (n *Node) keepDrain(ctx context.Context, view *state.View) error {
	if n.net == nil || view.ClusterID() == "" || !n.meta.Current() {
		return nil
	}
	known, _ := view.Node(n.who.Load().ID)
	r := &n.returning
	if !r.looked.Swap(true) && known.Drain != nil && known.Drain.Mode == state.DrainRestart {
		r.began.Store(&known.Drain.Operation)
	}
	if known.Drain == nil {
		return nil
	}
	if began := r.began.Load(); began != nil && *began == known.Drain.Operation {
		ready, cancel := context.WithTimeout(ctx, loopEvery)
		defer cancel()
		if err := n.Ready(ready); err != nil {
			return nil //nolint:nilerr // it is looked at again in a second
		}
		n.cfg.Logger.Info("this node is back", "operation", *began)
		_, err := n.meta.Propose(ctx, state.EndDrain{Node: known.ID, Operation: *began})
		return err
	}
	return n.yieldMetadata(ctx, view)
}

// yieldMetadata hands the leadership of the metadata to the coordinator that has most of them and is not drained.
func (n *Node) yieldMetadata(ctx context.Context, view *state.View) error {
	if n.meta.coordinator == nil || !n.meta.leads() {
		return nil
	}
	for _, id := range n.meta.group().Heirs(ctx) {
		if other, ok := view.Node(id); ok && other.Drain == nil {
			return n.meta.group().TransferLeadershipTo(ctx, id)
		}
	}
	return nil
}

// Retire makes the node ready for its process to end: as if it was drained for a restart, but bounded by
// retireTimeout, and not refused: whoever sends a signal does not ask. What speaks against it is logged.
func (n *Node) Retire() {
	if n.net == nil || n.closed.Load() || n.returning.retiring.Swap(true) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), retireTimeout)
	defer cancel()
	view := n.meta.View()
	known, ok := view.Node(n.who.Load().ID)
	if !ok || view.FeatureLevel() < state.LevelOperations || known.State != state.NodeActive {
		return
	}
	log := n.cfg.Logger.With("node", known.ID)
	if known.Drain == nil {
		if err := n.refuseDrain(ctx, view, known.ID, state.DrainRestart); err != nil {
			log.Warn("this node stops although", "reason", err)
		}
		if err := n.startDrain(ctx, &known, state.DrainRestart, 0, "signal"); err != nil {
			log.Warn("stop without being drained", "error", err)
			return
		}
	}
	n.awaitIdle(ctx)
}

// awaitIdle returns when this node leads nothing and no call to it is under way, and others have heard that it leaves;
// or when ctx ends.
func (n *Node) awaitIdle(ctx context.Context) {
	version := n.meta.View().Version()
	for {
		r, err := n.report(reportCall{Shards: []string{noShard}})
		if err == nil && r.Leading == 0 && r.InFlight == 0 && (reconciled{n}).Seen(ctx, version) {
			return
		}
		select {
		case <-n.cfg.After(50 * time.Millisecond):
		case <-ctx.Done():
			n.cfg.Logger.Warn("this node stops before all was handed over", "leads", r.Leading, "in_flight", r.InFlight)
			return
		}
	}
}
