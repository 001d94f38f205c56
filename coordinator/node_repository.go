package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
	"sagasu/internal/blob"
)

// minBytesPerSecond is the least pace of a repository: below it a store that is only slow looks as if it hung.
const minBytesPerSecond = 64 << 10

// Repositories gives every repository, by name.
func (n *Node) Repositories(context.Context) ([]api.Repository, error) {
	var out []api.Repository
	for _, r := range n.meta.View().Repositories() {
		out = append(out, api.Repository(r))
	}
	return out, nil
}

// PutRepository makes a repository, or changes it, after this node has seen that it can be used. It is an *api.Problem if
// it can't.
func (n *Node) PutRepository(ctx context.Context, req api.RepositoryRequest) (api.Repository, error) {
	if err := n.sync(ctx); err != nil {
		return api.Repository{}, fmt.Errorf("put repository %q: %w: %w", req.Name, api.ErrUnavailable, err)
	}
	view := n.meta.View()
	if err := n.needLevel(view, state.LevelOperations); err != nil {
		return api.Repository{}, err
	}
	if b := req.BytesPerSecond; b != 0 && b < minBytesPerSecond {
		return api.Repository{}, api.NewProblem(api.ProblemRequest, 400, "bytes_per_second", "is %d, must be 0 or at least %d", b,
			minBytesPerSecond)
	}
	r := state.Repository(req.Repository)
	r.CreatedMillis = n.cfg.Now().UnixMilli()
	if err := n.tryRepository(ctx, view, r, req.TakeOver); err != nil {
		return api.Repository{}, err
	}
	if _, err := n.meta.Propose(ctx, state.PutRepository{Repository: r}); err != nil {
		return api.Repository{}, snapshotProblem(err, "put repository %q", r.Name)
	}
	kept, ok := n.meta.View().Repository(r.Name)
	if !ok {
		kept = r
	}
	return api.Repository(kept), nil
}

// tryRepository sees whether a repository can be used, and marks it unless it is only read.
func (n *Node) tryRepository(ctx context.Context, view *state.View, r state.Repository, takeOver bool) (err error) {
	open, err := n.snapshots.places.Open(r)
	if err != nil {
		return snapshotProblem(err, "use repository %q", r.Name)
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	if r.ReadOnly {
		_, err = open.Owner(ctx)
	} else {
		err = open.Claim(ctx, view.ClusterID(), n.cfg.Now().UnixMilli(), takeOver)
	}
	if err != nil {
		return snapshotProblem(err, "use repository %q", r.Name)
	}
	return nil
}

// DeleteRepository forgets a repository; what is in it stays there.
func (n *Node) DeleteRepository(ctx context.Context, name string) error {
	if _, err := n.meta.Propose(ctx, state.DeleteRepository{Name: name}); err != nil {
		return snapshotProblem(err, "delete repository %q", name)
	}
	return nil
}

// Schedules gives every schedule of snapshots, by name.
func (n *Node) Schedules(context.Context) ([]api.SnapshotSchedule, error) {
	var out []api.SnapshotSchedule
	for _, s := range n.meta.View().Schedules() {
		out = append(out, api.SnapshotSchedule(s))
	}
	return out, nil
}

// PutSchedule makes a schedule of snapshots, or changes it.
func (n *Node) PutSchedule(ctx context.Context, s api.SnapshotSchedule) error {
	s.CreatedMillis = n.cfg.Now().UnixMilli()
	if _, err := n.meta.Propose(ctx, state.PutSchedule{Schedule: state.Schedule(s)}); err != nil {
		return snapshotProblem(err, "put schedule %q", s.Name)
	}
	return nil
}

// DeleteSchedule removes a schedule; its snapshots stay.
func (n *Node) DeleteSchedule(ctx context.Context, name string) error {
	if _, err := n.meta.Propose(ctx, state.DeleteSchedule{Name: name}); err != nil {
		return snapshotProblem(err, "delete schedule %q", name)
	}
	return nil
}

// snapshotProblem gives an error about snapshots the meaning that callers know.
func snapshotProblem(err error, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...) + ": " + err.Error()
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	var problem *api.Problem
	switch {
	case errors.As(err, &problem):
		return problem
	case is(context.Canceled, context.DeadlineExceeded):
		return err
	case is(state.ErrRepositoryNotFound, state.ErrSnapshotNotFound, state.ErrScheduleNotFound, snapshots.ErrNotFound):
		return api.NewProblem(api.ProblemNotFound, 404, "", "%s", detail)
	case is(state.ErrRepositoryBusy, state.ErrReadOnly, state.ErrSnapshotExists, state.ErrIndexExists, state.ErrAliasExists,
		state.ErrLevel, snapshots.ErrForeign, snapshots.ErrNewerFormat, snapshots.ErrFormat):
		return api.NewProblem(api.ProblemConflict, 409, "", "%s", detail)
	case is(state.ErrInvalid, state.ErrLimit, snapshots.ErrRepository, blob.ErrConfig, blob.ErrDenied):
		return api.NewProblem(api.ProblemRequest, 400, "", "%s", detail)
	case is(blob.ErrUnavailable, blob.ErrFull, blob.ErrNotFound, state.ErrNodeNotFound, state.ErrEpoch):
		return fmt.Errorf("%s: %w", detail, api.ErrUnavailable)
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}
