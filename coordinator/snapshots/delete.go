package snapshots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/coordinator/state"
)

// delete deletes a snapshot and notes that. An error is of what may pass.
func (k *Keeper) delete(ctx context.Context, s state.SnapshotRecord) error {
	if wait := k.unsettled(s); wait > 0 {
		k.note(ctx, s.Operation, 0, 0, "wait for others")
		select {
		case <-k.cfg.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
	err := k.tryDelete(ctx, s)
	began := s.CreatedMillis
	if o, ok := k.cfg.Metadata.View().Operation(s.Operation); ok {
		began = o.CreatedMillis
	}
	failure := ""
	switch {
	case ctx.Err() != nil || errors.Is(err, errSuperseded):
		return nil
	case err != nil && !lasting(err) && k.cfg.Now().Sub(time.UnixMilli(began)) < patience:
		return err
	case err != nil:
		failure = err.Error()
		k.cfg.Logger.Error("snapshot can't be deleted", "snapshot", s.ID, "repository", s.Repository, "error", err)
	}
	c := state.ForgetSnapshot{ID: s.ID, Error: failure, Millis: k.cfg.Now().UnixMilli()}
	if _, err := k.cfg.Metadata.Propose(ctx, c); err != nil {
		return fmt.Errorf("note that it is deleted: %w", err)
	}
	return nil
}

// unsettled gives how long to wait until no former leader can write to the repository any more.
func (k *Keeper) unsettled(s state.SnapshotRecord) time.Duration {
	last := int64(0)
	for _, other := range k.cfg.Metadata.View().Snapshots() {
		if other.Repository == s.Repository && (other.State == state.SnapshotFailed || other.State == state.SnapshotCancelled) {
			last = max(last, other.EndedMillis)
		}
	}
	if last == 0 {
		return 0
	}
	return time.UnixMilli(last).Add(settleAfter).Sub(k.cfg.Now())
}

func (k *Keeper) tryDelete(ctx context.Context, s state.SnapshotRecord) (err error) {
	if err := k.cfg.Metadata.Sync(ctx); err != nil {
		return fmt.Errorf("see the newest metadata: %w", err)
	}
	view := k.cfg.Metadata.View()
	if now, ok := view.Snapshot(s.ID); !ok || now.State != state.SnapshotDeleting || !k.cfg.Metadata.Leads() {
		return errSuperseded
	}
	repository, ok := view.Repository(s.Repository)
	if !ok {
		return fmt.Errorf("repository %s: %w: it is not there any more", s.Repository, ErrRepository)
	}
	r, err := k.cfg.Places.Open(repository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	owner, err := r.Owner(ctx)
	if err != nil {
		return err
	}
	if owner != view.ClusterID() {
		return fmt.Errorf("repository %s: %w: %q", r.Name, ErrForeign, owner)
	}
	return r.Drop(ctx, s.ID, k.cfg.Now())
}
