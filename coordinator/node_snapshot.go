package coordinator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sagasu/api"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
)

// KindVerifySnapshot is the kind of operation that looks whether a snapshot is whole.
const KindVerifySnapshot = "verify-snapshot"

// CreateSnapshot begins a snapshot, which the metadata's leader takes.
func (n *Node) CreateSnapshot(ctx context.Context, req api.SnapshotRequest) (api.SnapshotInfo, error) {
	if err := n.sync(ctx); err != nil {
		return api.SnapshotInfo{}, fmt.Errorf("take snapshot: %w: %w", api.ErrUnavailable, err)
	}
	view := n.meta.View()
	if err := n.needLevel(view, state.LevelOperations); err != nil {
		return api.SnapshotInfo{}, err
	}
	for i, name := range req.Indexes {
		x, ok := view.Resolve(name)
		if !ok {
			return api.SnapshotInfo{}, fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
		}
		req.Indexes[i] = x.Name
	}
	slices.Sort(req.Indexes)
	req.Indexes = slices.Compact(req.Indexes)
	now := n.cfg.Now()
	id, err := snapshots.NewID(now)
	if err != nil {
		return api.SnapshotInfo{}, err
	}
	c := snapshots.Begin(id, req.Repository, "", req.Indexes, now)
	if _, err := n.meta.Propose(ctx, c); err != nil {
		return api.SnapshotInfo{}, snapshotProblem(err, "take snapshot")
	}
	c.Snapshot.State, c.Snapshot.Operation = state.SnapshotRunning, c.Operation.ID
	return describeSnapshot(c.Snapshot), nil
}

func describeSnapshot(s state.SnapshotRecord) api.SnapshotInfo {
	return api.SnapshotInfo{
		ID: s.ID, Repository: s.Repository, Schedule: s.Schedule, State: string(s.State), Operation: s.Operation,
		Error: s.Error, Indexes: s.Indexes, Shards: s.Shards, Documents: s.Documents, Bytes: s.Bytes, NewBytes: s.NewBytes,
		CreatedMillis: s.CreatedMillis, EndedMillis: s.EndedMillis,
	}
}

// Snapshots gives those that the cluster knows; of a repository, those that it has, also where another cluster took them.
func (n *Node) Snapshots(ctx context.Context, repository string) ([]api.SnapshotInfo, error) {
	var out []api.SnapshotInfo
	view := n.meta.View()
	for _, s := range view.Snapshots() {
		if repository == "" || s.Repository == repository {
			out = append(out, describeSnapshot(s))
		}
	}
	if repository == "" {
		return out, nil
	}
	err := n.inRepository(repository, func(r *snapshots.Repository) error {
		ids, err := r.List(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, known := view.Snapshot(id); known {
				continue
			}
			info := api.SnapshotInfo{ID: id, Repository: repository, State: string(state.SnapshotDone)}
			if m, _, err := r.Manifest(ctx, id); err != nil {
				info.State, info.Error = string(state.SnapshotFailed), err.Error()
			} else {
				addManifest(&info, m)
				info.Detail = nil
			}
			out = append(out, info)
		}
		return nil
	})
	if err != nil {
		return nil, snapshotProblem(err, "list snapshots of repository %q", repository)
	}
	slices.SortStableFunc(out, func(a, b api.SnapshotInfo) int { return int(a.CreatedMillis - b.CreatedMillis) })
	return out, nil
}

// inRepository opens a repository for fn.
func (n *Node) inRepository(name string, fn func(*snapshots.Repository) error) (err error) {
	r, ok := n.meta.View().Repository(name)
	if !ok {
		return fmt.Errorf("repository %.100q: %w", name, state.ErrRepositoryNotFound)
	}
	open, err := n.snapshots.places.Open(r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	return fn(open)
}

// addManifest adds what a manifest says.
func addManifest(info *api.SnapshotInfo, m *snapshots.Manifest) {
	shards, documents, size := m.Sum()
	info.Indexes, info.Shards, info.Documents, info.Bytes = len(m.Indexes), shards, int64(documents), size
	info.CreatedMillis, info.Schedule = m.CreatedMillis, m.Schedule
	d := &api.SnapshotDetail{
		Cluster: m.Cluster, Program: m.Program, CutBeganMillis: m.CutBeganMillis, CutEndedMillis: m.CutEndedMillis,
		MetadataVersion: m.MetadataVersion, Indexes: []api.SnapshotIndex{},
	}
	for _, x := range m.Indexes {
		out := api.SnapshotIndex{Name: x.Name, UUID: x.UUID, Aliases: x.Aliases, Replicas: x.Replicas, Applied: []uint64{}}
		for _, s := range x.Shards {
			out.Applied = append(out.Applied, s.Applied)
			out.Documents += int64(s.Documents)
			out.Bytes += s.Bytes
		}
		d.Indexes = append(d.Indexes, out)
	}
	info.Detail = d
}

// repositoryOf finds the repository of a snapshot that the cluster knows, unless it is given.
func (n *Node) repositoryOf(id, repository string) (string, error) {
	if err := snapshots.CheckID(id); err != nil {
		return "", err
	}
	s, known := n.meta.View().Snapshot(id)
	switch {
	case repository != "":
		return repository, nil
	case known:
		return s.Repository, nil
	}
	return "", fmt.Errorf("snapshot %.64q: %w; name its repository if another cluster took it", id, state.ErrSnapshotNotFound)
}

// Snapshot describes a snapshot, with what its manifest says if it is complete.
func (n *Node) Snapshot(ctx context.Context, id, repository string) (api.SnapshotInfo, error) {
	repository, err := n.repositoryOf(id, repository)
	if err != nil {
		return api.SnapshotInfo{}, snapshotProblem(err, "find snapshot")
	}
	info := api.SnapshotInfo{ID: id, Repository: repository, State: string(state.SnapshotDone)}
	s, known := n.meta.View().Snapshot(id)
	if known {
		info = describeSnapshot(s)
		if s.State != state.SnapshotDone {
			return info, nil
		}
	}
	err = n.inRepository(repository, func(r *snapshots.Repository) error {
		m, _, err := r.Manifest(ctx, id)
		if err == nil {
			addManifest(&info, m)
		}
		return err
	})
	if err != nil {
		return api.SnapshotInfo{}, snapshotProblem(err, "read snapshot %s", id)
	}
	return info, nil
}

// DeleteSnapshot begins to delete a snapshot, and what no other needs.
func (n *Node) DeleteSnapshot(ctx context.Context, id, repository string) (api.Operation, error) {
	if err := n.sync(ctx); err != nil {
		return api.Operation{}, fmt.Errorf("delete snapshot: %w: %w", api.ErrUnavailable, err)
	}
	repository, err := n.repositoryOf(id, repository)
	if err != nil {
		return api.Operation{}, snapshotProblem(err, "delete snapshot")
	}
	c := snapshots.Drop(id, repository, "delete snapshot "+id, n.cfg.Now())
	if _, err := n.meta.Propose(ctx, c); err != nil {
		return api.Operation{}, snapshotProblem(err, "delete snapshot %s", id)
	}
	return describeOperation(c.Operation), nil
}

// VerifySnapshot begins to look, on this node, whether everything of a snapshot is there, and with deep also whether it is
// what it should be. What is wrong becomes the operation's error.
func (n *Node) VerifySnapshot(ctx context.Context, id, repository string, deep bool) (api.Operation, error) {
	repository, err := n.repositoryOf(id, repository)
	if err == nil {
		err = n.inRepository(repository, func(r *snapshots.Repository) error {
			_, _, err := r.Manifest(ctx, id)
			return err
		})
	}
	if err != nil && !errors.Is(err, snapshots.ErrFormat) {
		return api.Operation{}, snapshotProblem(err, "verify snapshot %s", id)
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return api.Operation{}, fmt.Errorf("name an operation: %w", err)
	}
	now := n.cfg.Now().UnixMilli()
	o := state.Operation{
		ID: KindVerifySnapshot + "-" + hex.EncodeToString(random[:]), Kind: KindVerifySnapshot, State: state.OperationRunning,
		Reason: "verify snapshot " + id + " in repository " + repository, Node: n.who.Load().ID,
		CreatedMillis: now, UpdatedMillis: now,
	}
	n.verifying.begin(o.ID)
	if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil {
		n.verifying.end(o.ID, nil)
		return api.Operation{}, snapshotProblem(err, "verify snapshot %s", id)
	}
	n.running.Go(func() {
		defer n.verifying.end(o.ID, nil)
		n.verifySnapshot(o, repository, id, deep)
	})
	return describeOperation(o), nil
}

func (n *Node) verifySnapshot(o state.Operation, repository, id string, deep bool) {
	var report snapshots.Report
	err := n.inRepository(repository, func(r *snapshots.Repository) (err error) {
		report, err = r.Verify(n.ctx, id, deep)
		return err
	})
	o.State, o.UpdatedMillis = state.OperationDone, n.cfg.Now().UnixMilli()
	o.Done, o.Total = uint64(report.Objects), uint64(report.Objects)
	switch {
	case err != nil:
		o.State, o.Error = state.OperationFailed, err.Error()
	case len(report.Faults) > 0:
		o.State = state.OperationFailed
		o.Error = fmt.Sprintf("%d faults: %s", len(report.Faults), strings.Join(report.Faults, "; "))
	}
	ctx, cancel := context.WithTimeout(n.ctx, commandTimeout)
	defer cancel()
	if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil && n.ctx.Err() == nil {
		n.cfg.Logger.Warn("note what a verification found", "operation", o.ID, "error", err)
	}
}

// lostVerifications ends those that a restart of this node broke off.
func (n *Node) lostVerifications(ctx context.Context, view *state.View) error {
	for _, o := range view.Operations() {
		if o.Kind != KindVerifySnapshot || o.Node != n.who.Load().ID || o.State.Ended() || n.verifying.runs(o.ID) {
			continue
		}
		o.State, o.Error, o.UpdatedMillis = state.OperationFailed, "the node was restarted", n.cfg.Now().UnixMilli()
		if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil {
			return fmt.Errorf("note that operation %s is lost: %w", o.ID, err)
		}
	}
	return nil
}
