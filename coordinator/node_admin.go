package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

// Aliases gives every alias, by name.
func (n *Node) Aliases(context.Context) ([]api.Alias, error) {
	var out []api.Alias
	for _, a := range n.meta.View().Aliases() {
		out = append(out, api.Alias{Name: a.Name, Index: a.Index})
	}
	return out, nil
}

// PutAlias makes an alias lead to an index, in one step if it led to another. It returns api.ErrIndexNotFound,
// and api.ErrIndexExists if an index has the name.
func (n *Node) PutAlias(ctx context.Context, name, index string) error {
	if _, err := n.meta.Propose(ctx, state.PutAlias{Name: name, Index: index}); err != nil {
		return fmt.Errorf("put alias %q: %w", name, translate(err))
	}
	return nil
}

// DeleteAlias removes an alias.
func (n *Node) DeleteAlias(ctx context.Context, name string) error {
	if _, err := n.meta.Propose(ctx, state.DeleteAlias{Name: name}); err != nil {
		return fmt.Errorf("delete alias %q: %w", name, translate(err))
	}
	return nil
}

// Operations gives what runs or ran, in order of creation.
func (n *Node) Operations(context.Context) ([]api.Operation, error) {
	var out []api.Operation
	for _, o := range n.meta.View().Operations() {
		out = append(out, describeOperation(o))
	}
	return out, nil
}

func describeOperation(o state.Operation) api.Operation {
	return api.Operation{
		ID: o.ID, Kind: o.Kind, State: string(o.State), Reason: o.Reason, Index: o.Index, Shard: o.Shard,
		Node: o.Node, Error: o.Error, Done: o.Done, Total: o.Total, CreatedMillis: o.CreatedMillis,
		UpdatedMillis: o.UpdatedMillis, EstimateSeconds: estimate(o), Parent: o.Parent, From: o.From, Step: o.Step,
		RequestedBy: o.RequestedBy, PausedBy: o.PausedBy, ThrottleBytesPerSecond: o.Throttle, Bytes: o.Bytes,
		TotalBytes: o.TotalBytes, StartedMillis: o.StartedMillis,
	}
}

// estimate gives the seconds that an operation still needs at its rate so far, as of when its progress was noted: by
// its bytes, if it has any.
func estimate(o state.Operation) float64 {
	began, done, total := o.CreatedMillis, o.Done, o.Total
	if o.StartedMillis != 0 {
		began = o.StartedMillis
	}
	if o.TotalBytes != 0 {
		done, total = o.Bytes, o.TotalBytes
	}
	spent := float64(o.UpdatedMillis-began) / 1000
	if o.State != state.OperationRunning || done == 0 || done >= total || spent < 1 {
		return 0
	}
	return spent * float64(total-done) / float64(done)
}

// RemoveNode takes a node out of the metadata. One that is alive is refused: it would register again.
func (n *Node) RemoveNode(ctx context.Context, id string, force bool) error {
	if err := n.sync(ctx); err != nil {
		return fmt.Errorf("remove node %q: %w: %w", id, api.ErrUnavailable, err)
	}
	node, ok := n.meta.View().Node(id)
	if !ok {
		return api.NewProblem(api.ProblemNotFound, 404, "id", "there is no node %.100q", id)
	}
	alive := id == n.who.Load().ID
	if n.net != nil && !alive {
		alive, _, _ = n.heardOf(id)
	}
	if alive {
		return api.NewProblem(api.ProblemConflict, 409, "id", "node %s is alive; stop it first", id)
	}
	_, err := n.meta.Propose(ctx, state.RemoveNode{ID: id, Instance: node.Instance, Force: force})
	if errors.Is(err, state.ErrNodeInUse) {
		return api.NewProblem(api.ProblemConflict, 409, "force",
			"node %s still has replicas; they are rebuilt elsewhere after the grace time, or at once with force", id)
	}
	if err != nil {
		return fmt.Errorf("remove node %q: %w", id, translate(err))
	}
	return n.awaitNoVote(ctx, id)
}

// awaitNoVote returns when a node is no coordinator any more. Before that, another node that is started under
// its id would be taken for it, without knowing what it voted for.
func (n *Node) awaitNoVote(ctx context.Context, id string) error {
	for {
		members := n.metadataMembers(ctx, n.metadataLeader(ctx))
		voting := slices.ContainsFunc(members, func(m consensus.Server) bool { return m.ID == id })
		if len(members) > 0 && !voting {
			return nil
		}
		select {
		case <-n.cfg.After(loopEvery / 10):
		case <-ctx.Done():
			return fmt.Errorf("node %q is removed, but still has its vote among the coordinators: %w", id, ctx.Err())
		}
	}
}

// Settings gives every setting of the cluster and its value.
func (n *Node) Settings(context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range n.meta.View().Settings() {
		out[s.Key] = s.Value
	}
	return out, nil
}

// PutSetting changes a setting of the cluster.
func (n *Node) PutSetting(ctx context.Context, key, value string) error {
	_, err := n.meta.Propose(ctx, state.PutSetting{Key: key, Value: value})
	if errors.Is(err, state.ErrSetting) {
		return api.NewProblem(api.ProblemRequest, 400, key, "%v", err)
	}
	return err
}
