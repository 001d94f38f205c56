package coordinator

import (
	"context"
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
)

// RestoreSnapshot begins to restore indexes of a snapshot, each by an operation of its own, or tells what it would. An
// index is not to be found before all of it is there.
func (n *Node) RestoreSnapshot(ctx context.Context, id string, req api.RestoreRequest) ([]api.RestorePlan, error) {
	if err := n.sync(ctx); err != nil {
		return nil, fmt.Errorf("restore snapshot: %w: %w", api.ErrUnavailable, err)
	}
	view := n.meta.View()
	if err := n.needLevel(view, state.LevelOperations); err != nil {
		return nil, err
	}
	repository, err := n.repositoryOf(id, req.Repository)
	if err != nil {
		return nil, snapshotProblem(err, "restore snapshot")
	}
	var m *snapshots.Manifest
	var sum string
	err = n.inRepository(repository, func(r *snapshots.Repository) (err error) {
		m, sum, err = r.Manifest(ctx, id)
		return err
	})
	if err != nil {
		return nil, snapshotProblem(err, "restore snapshot %s", id)
	}
	chosen, err := chooseIndexes(m, &req)
	if err != nil {
		return nil, err
	}
	changes := make([]state.BeginRestore, len(chosen))
	for i, x := range chosen {
		from := state.Restore{Repository: repository, Snapshot: id, Source: x.Name, Manifest: sum}
		if changes[i], err = n.planRestore(view, x, from, &req); err != nil {
			return nil, err
		}
	}
	plans := make([]api.RestorePlan, 0, len(changes))
	for i, c := range changes {
		p := describeRestore(chosen[i], c)
		if req.DryRun {
			p.Operation = ""
		} else if _, err := n.meta.Propose(ctx, c); err != nil {
			return plans, snapshotProblem(err, "restore index %q", c.Index.Name)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

func describeRestore(x *snapshots.IndexPart, c state.BeginRestore) api.RestorePlan {
	p := api.RestorePlan{
		Index: x.Name, As: c.Index.Name, Shards: len(x.Shards), Replicas: c.Index.Replicas, Operation: c.Operation.ID,
	}
	for _, s := range x.Shards {
		p.Documents += int64(s.Documents)
		p.Bytes += s.Bytes
	}
	return p
}

// chooseIndexes gives the indexes of a snapshot that are asked for.
func chooseIndexes(m *snapshots.Manifest, req *api.RestoreRequest) ([]*snapshots.IndexPart, error) {
	if req.Index == "" {
		if req.As != "" || req.Shards != 0 {
			return nil, api.NewProblem(api.ProblemRequest, 400, "index", "is missing: as and shards are about one index")
		}
		var all []*snapshots.IndexPart
		for i := range m.Indexes {
			all = append(all, &m.Indexes[i])
		}
		if len(all) == 0 {
			return nil, api.NewProblem(api.ProblemNotFound, 404, "index", "snapshot %s has no indexes", m.ID)
		}
		return all, nil
	}
	x := m.Index(req.Index)
	if x == nil {
		return nil, api.NewProblem(api.ProblemNotFound, 404, "index", "snapshot %s has no index %q", m.ID, req.Index)
	}
	if req.Shards != 0 && req.Shards != len(x.Shards) {
		return nil, api.NewProblem(api.ProblemRequest, 400, "shards",
			"is %d, but index %s has %d in the snapshot: files of shards are restored as they are; to have another number "+
				"restore it and write its documents to a new index", req.Shards, x.Name, len(x.Shards))
	}
	return []*snapshots.IndexPart{x}, nil
}

// planRestore places an index that is to be restored.
func (n *Node) planRestore(view *state.View, part *snapshots.IndexPart, from state.Restore, req *api.RestoreRequest,
) (c state.BeginRestore, err error) {
	name, replicas := part.Name, part.Replicas
	if req.As != "" {
		name = req.As
	}
	if err := api.CheckIndexName(name); err != nil {
		return c, err
	}
	// What somebody made up has good checksums.
	if err := part.Schema.Validate(); err != nil {
		return c, api.NewProblem(api.ProblemConflict, 409, "", "index %q in snapshot %s: %v", part.Name, from.Snapshot, err)
	}
	if _, there := view.Index(name); there {
		return c, fmt.Errorf("index %q: %w; restore it under another name (as), or delete this one first", name,
			api.ErrIndexExists)
	}
	if _, there := view.Resolve(name); there {
		return c, fmt.Errorf("alias %q: %w; restore it under another name (as)", name, api.ErrIndexExists)
	}
	if req.Replicas != 0 {
		replicas = req.Replicas
	}
	want := api.Layout{Shards: len(part.Shards), Replicas: replicas}
	if err := want.Check(); err != nil {
		return c, err
	}
	nodes, err := placement.Place(view, n.candidates(view), want.Shards, want.Replicas)
	if err != nil {
		return c, fmt.Errorf("restore index %q: %w: %w", name, api.ErrUnavailable, err)
	}
	uuid, err := newUUID()
	if err != nil {
		return c, err
	}
	x := state.Index{
		Name: name, UUID: uuid, Schema: part.Schema, CreatedMillis: n.cfg.Now().UnixMilli(), Replicas: replicas,
		Shards: state.Layout(uuid, nodes), LastGeneration: part.LastGeneration, Retired: slices.Clone(part.Retired),
	}
	// A shard has the slots it had, which may not be those of a new index of as many.
	for i, s := range part.Shards {
		x.Shards[i].From, x.Shards[i].To = s.From, s.To
	}
	if part.Next != nil {
		// What was being filled is not: a change of the model is begun anew.
		x.Retired = append(x.Retired, part.Next.Generation)
	}
	if req.Aliases {
		from.Aliases = part.Aliases
	}
	x.Restore = &from
	now := n.cfg.Now().UnixMilli()
	c = state.BeginRestore{Index: x, Operation: state.Operation{
		ID: "restore-" + uuid, Kind: snapshots.KindRestore, State: state.OperationRunning, Index: name,
		Reason:        "restore index " + part.Name + " of snapshot " + from.Snapshot + " as " + name,
		CreatedMillis: now, UpdatedMillis: now,
	}}
	return c, nil
}

// cancelSnapshot lets the metadata's leader end what it takes or restores.
func (n *Node) cancelSnapshot(ctx context.Context, o state.Operation) error {
	_, err := n.meta.Propose(ctx, state.SteerOperation{
		ID: o.ID, Action: state.SteerCancel, By: "user", Millis: n.cfg.Now().UnixMilli(),
	})
	if err != nil {
		return fmt.Errorf("cancel operation %s: %w", o.ID, err)
	}
	return nil
}
