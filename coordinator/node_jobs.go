package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
)

// openJobs opens the bulks that this node has taken.
func (n *Node) openJobs() error {
	cfg := jobs.Default()
	cfg.FS, cfg.Dir = n.cfg.FS, filepath.Join(n.cfg.DataDir, jobsDir)
	cfg.Writer, cfg.Problem, cfg.Room = jobWriter{n}, httpapi.ProblemOf, n.roomForJobs
	cfg.Now, cfg.After, cfg.Logger, cfg.Registry = n.cfg.Now, n.cfg.After, n.cfg.Logger, n.cfg.Registry
	var err error
	if n.jobs, err = jobs.Open(cfg); err != nil {
		return err
	}
	if n.net != nil {
		n.net.handle(methodJobStatus, n.answerJobStatus)
		n.net.handle(methodJobErrors, n.answerJobErrors)
	}
	return nil
}

// roomForJobs is nil while the disk is emptier than maxJobDiskPercent.
func (n *Node) roomForJobs() error {
	if used, _ := diskLoad(n.cfg.DataDir); used >= maxJobDiskPercent {
		return fmt.Errorf("the disk of %s is %d %% full, bulks in the background are taken below %d %%", n.cfg.DataDir,
			used, maxJobDiskPercent)
	}
	return nil
}

// jobWriter writes the documents of jobs as those of clients are.
type jobWriter struct{ n *Node }

// find gives the index of a job, and none that only has its name.
func (w jobWriter) find(ctx context.Context, target jobs.Target) (*layout, error) {
	l, err := w.n.find(target.Index)
	if err == nil && l.UUID != target.UUID && w.n.net != nil {
		// Perhaps this node does not know yet that the name went on to the job's index.
		if err := w.n.sync(ctx); err != nil {
			return nil, fmt.Errorf("look for index %q: %w: %w", target.Index, api.ErrUnavailable, err)
		}
		l, err = w.n.find(target.Index)
	}
	if err != nil {
		return nil, err
	}
	if l.UUID != target.UUID {
		return nil, fmt.Errorf("index %q was deleted, another one has its name: %w", target.Index, api.ErrIndexNotFound)
	}
	return l, nil
}

func (w jobWriter) Schema(ctx context.Context, target jobs.Target) (*api.Schema, error) {
	l, err := w.find(ctx, target)
	if err != nil {
		return nil, err
	}
	return &l.Schema, nil
}

func (w jobWriter) Write(ctx context.Context, target jobs.Target, try jobs.Try, writes []api.Write) (
	[]api.WriteResult, error,
) {
	if _, err := w.find(ctx, target); err != nil {
		return nil, err
	}
	results, err := w.n.Write(withTry(ctx, try), target.Index, writes, httpapi.WriteOptions{})
	for i := range results {
		httpapi.Complain(&writes[i], &results[i])
	}
	return results, err
}

// StartJob keeps a stream of lines on this node's disk, notes the operation, and lets it run.
func (n *Node) StartJob(ctx context.Context, index, requestID string, body io.Reader) (api.Operation, error) {
	l, err := n.find(index)
	if err != nil {
		return api.Operation{}, err
	}
	uuid, err := newUUID()
	if err != nil {
		return api.Operation{}, err
	}
	id := jobs.Kind + "-" + uuid[:16]
	target := jobs.Target{Index: l.Name, UUID: l.UUID}
	s, err := n.jobs.Receive(ctx, id, target, requestID, body)
	if err != nil {
		return api.Operation{}, jobProblem(err)
	}
	propose, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if _, err := n.meta.Propose(propose, state.PutOperation{Operation: n.jobOperation(&s)}); err != nil {
		// If it is noted all the same, the next look at the jobs finds that there is none.
		if forgot := n.jobs.Forget(id); forgot != nil {
			n.cfg.Logger.Warn("remove a job that could not be noted", "job", id, "error", forgot)
		}
		if errors.Is(err, state.ErrLimit) {
			return api.Operation{}, fmt.Errorf("%w: %w", api.ErrOverloaded, err)
		}
		return api.Operation{}, fmt.Errorf("%w: the bulk could not be noted, and is given up: %s", api.ErrUnavailable, err)
	}
	if err := n.jobs.Accept(id); err != nil {
		return api.Operation{}, err
	}
	return n.Operation(ctx, id)
}

// jobProblem gives errors of jobs the meaning that clients know.
func jobProblem(err error) error {
	switch {
	case errors.Is(err, jobs.ErrTooLarge):
		return api.NewProblem(api.ProblemTooLarge, 413, "", "%v: send it in several", err)
	case errors.Is(err, jobs.ErrNoRoom):
		return api.NewProblem(api.ProblemNoRoom, 507, "", "%v", err)
	case errors.Is(err, jobs.ErrTooMany):
		return fmt.Errorf("%w: %w", api.ErrOverloaded, err)
	case errors.Is(err, jobs.ErrBody):
		return api.NewProblem(api.ProblemRequest, 400, "", "%v; nothing of it is kept", err)
	case errors.Is(err, jobs.ErrClosed):
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	case errors.Is(err, jobs.ErrNotFound):
		return api.NewProblem(api.ProblemNotFound, 404, "id", "%v", err)
	}
	return err
}

// jobOperation is what the metadata know of a job of this node.
func (n *Node) jobOperation(s *jobs.Status) state.Operation {
	o := state.Operation{
		ID: s.ID, Kind: jobs.Kind, State: state.OperationState(s.State), Index: s.Index, Node: n.who.Load().ID,
		Reason: fmt.Sprintf("%d lines for index %s", s.TotalItems, s.Index), Error: s.Error,
		Done: uint64(s.Done + s.Failed), Total: uint64(s.TotalItems),
		CreatedMillis: s.CreatedMillis, UpdatedMillis: n.cfg.Now().UnixMilli(),
	}
	if s.State == jobs.StateReceived {
		o.State = state.OperationPending
	}
	if s.Failed > 0 {
		o.Reason += fmt.Sprintf(", %d failed", s.Failed)
	}
	return o
}

// keepJobs brings the jobs of this node and what the metadata say of them together.
func (n *Node) keepJobs(ctx context.Context, view *state.View) error {
	if view.ClusterID() == "" || !n.meta.Current() {
		return nil
	}
	var errs []error
	// A job is there before it is in the metadata, so they are looked at in this order, and the other way round below.
	list := n.jobs.List()
	view = n.meta.View()
	for i := range list {
		if err := n.keepJob(ctx, view, &list[i]); err != nil {
			errs = append(errs, fmt.Errorf("keep job %s: %w", list[i].ID, err))
		}
	}
	for _, o := range view.Operations() {
		if o.Kind != jobs.Kind || o.Node != n.who.Load().ID || o.State.Ended() {
			continue
		}
		if _, here := n.jobs.Status(o.ID); !here {
			errs = append(errs, n.endJob(ctx, o, "its node does not have it any more: its data were lost, or it never began"))
		}
	}
	return errors.Join(errs...)
}

// keepJob does so with one.
func (n *Node) keepJob(ctx context.Context, view *state.View, s *jobs.Status) error {
	o, known := view.Operation(s.ID)
	switch {
	case s.State == jobs.StateReceived && !s.Loaded:
		return nil // whoever receives it goes on
	case s.State == jobs.StateReceived && known:
		return n.jobs.Accept(s.ID)
	case !known && (s.State.Ended() || s.State == jobs.StateReceived):
		// Nobody knows of it any more, or was ever told of it.
		return n.jobs.Forget(s.ID)
	case known && o.State.Ended():
		return n.dropEnded(o, s)
	case known && o.State == state.OperationCancelling && !s.State.Ended():
		return ignoreEnded(n.jobs.Cancel(s.ID, "cancelled"))
	}
	next := n.jobOperation(s)
	since := time.Duration(next.UpdatedMillis-o.UpdatedMillis) * time.Millisecond
	moved := next.Done != o.Done && since >= jobProgressEvery
	if known && next.State == o.State && !moved {
		return nil
	}
	_, err := n.meta.Propose(ctx, state.PutOperation{Operation: next})
	if errors.Is(err, state.ErrOperationEnded) {
		return nil // the next turn sees that
	}
	return err
}

// dropEnded ends a job whose operation was ended by others, and removes one that ended long ago.
func (n *Node) dropEnded(o state.Operation, s *jobs.Status) error {
	if !s.State.Ended() {
		return ignoreEnded(n.jobs.Cancel(s.ID, fmt.Sprintf("its operation is %s: %s", o.State, o.Error)))
	}
	if n.cfg.Now().Sub(time.UnixMilli(s.UpdatedMillis)) > jobRetention {
		return n.jobs.Forget(s.ID)
	}
	return nil
}

func ignoreEnded(err error) error {
	if errors.Is(err, jobs.ErrEnded) || errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	return err
}

// endJob notes that a job failed which nobody runs.
func (n *Node) endJob(ctx context.Context, o state.Operation, reason string) error {
	o.State, o.Error, o.UpdatedMillis = state.OperationFailed, reason, n.cfg.Now().UnixMilli()
	_, err := n.meta.Propose(ctx, state.PutOperation{Operation: o})
	if err != nil && !errors.Is(err, state.ErrOperationEnded) {
		return fmt.Errorf("end job %s: %w", o.ID, err)
	}
	n.cfg.Logger.Warn("a job ends as failed", "job", o.ID, "node", o.Node, "reason", reason)
	return nil
}

// endLostJobs ends the jobs of nodes that were removed, on the leader of the metadata.
func (n *Node) endLostJobs(ctx context.Context, view *state.View) error {
	if !n.meta.leads() {
		return nil
	}
	var errs []error
	for _, o := range view.Operations() {
		if o.Kind != jobs.Kind || o.State.Ended() {
			continue
		}
		if node, ok := view.Node(o.Node); !ok || node.State == state.NodeRemoved {
			errs = append(errs, n.endJob(ctx, o, "node "+o.Node+" was removed, and what was left of the body with it"))
		}
	}
	return errors.Join(errs...)
}

// CancelOperation asks for an operation to end. What can't be cancelled is a *api.Problem.
func (n *Node) CancelOperation(ctx context.Context, id string) (api.Operation, error) {
	o, err := n.findOperation(ctx, id)
	if err != nil {
		return api.Operation{}, err
	}
	err = n.cancelOperation(ctx, o)
	switch {
	case errors.Is(err, state.ErrOperationEnded):
		return api.Operation{}, api.NewProblem(api.ProblemConflict, 409, "id", "operation %s has ended already", id)
	case err != nil:
		return api.Operation{}, err
	}
	return n.Operation(ctx, id)
}

// cancelOperation cancels by kind. A new kind that can be cancelled gets its line here.
func (n *Node) cancelOperation(ctx context.Context, o state.Operation) error {
	if o.State.Ended() {
		return fmt.Errorf("operation %s is %s: %w", o.ID, o.State, state.ErrOperationEnded)
	}
	switch o.Kind {
	case jobs.Kind:
		return n.cancelJob(ctx, o)
	case reconcile.KindReembed:
		return n.cancelReembed(ctx, o)
	case KindVerify:
		return n.cancelVerify(ctx, o)
	case snapshots.KindSnapshot, snapshots.KindRestore:
		return n.cancelSnapshot(ctx, o)
	case reconcile.KindMove, reconcile.KindRebalance, reconcile.KindDrain:
		return n.cancelMove(ctx, o)
	}
	return api.NewProblem(api.ProblemConflict, 409, "id", "operations of kind %s can't be cancelled", o.Kind)
}

// cancelJob notes it in the metadata, by which the job's node goes.
func (n *Node) cancelJob(ctx context.Context, o state.Operation) error {
	answer, err := n.askJob(ctx, o.Node, methodJobStatus, jobCall{ID: o.ID})
	if err == nil && answer.Found && state.OperationState(answer.State).Ended() {
		// The metadata follow within a second.
		return fmt.Errorf("operation %s is %s: %w", o.ID, answer.State, state.ErrOperationEnded)
	}
	o.State, o.UpdatedMillis = state.OperationCancelling, n.cfg.Now().UnixMilli()
	if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil {
		return err
	}
	if o.Node != n.who.Load().ID {
		return nil
	}
	return ignoreEnded(n.jobs.Cancel(o.ID, "cancelled"))
}

func noOperation(id string) error {
	return api.NewProblem(api.ProblemNotFound, 404, "id", "there is no operation %.100q", id)
}
