package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sagasu/coordinator/state"
)

// dropKey names a generation of an index, also of a deleted one.
type dropKey struct {
	index      string
	generation int
}

// dropping is what the loop remembers of a generation to be dropped. If another leader takes over, it begins anew,
// which only takes longer.
type dropping struct {
	// version is that of the metadata in which it was noticed, at the time since.
	version uint64
	since   time.Time
	// seen is when all nodes knew of it; zero before.
	seen time.Time
	// retry is when it is tried again after failures, the last of which is trouble.
	retry    time.Time
	failures int
	trouble  error
}

// drop drops the generations that are given up, and those of deleted indexes.
func (r *Reconciler) drop(ctx context.Context, view *state.View) (errs []error) {
	wanted := map[dropKey]bool{}
	for _, x := range view.Indexes() {
		for _, generation := range x.Retired {
			key := dropKey{x.UUID, generation}
			wanted[key] = true
			gone, err := r.dropOne(ctx, view, key, func() (bool, error) { return r.unused(ctx, x, generation) })
			if gone {
				_, err = r.cfg.Cluster.Propose(ctx, state.ForgetGeneration{
					Name: x.Name, UUID: x.UUID, Generation: generation,
				})
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("drop generation %d of index %q: %w", generation, x.Name, err))
			}
		}
	}
	for _, l := range view.Leftovers() {
		all := true
		for _, generation := range l.Generations {
			key := dropKey{l.UUID, generation}
			wanted[key] = true
			gone, err := r.dropOne(ctx, view, key, func() (bool, error) { return true, nil })
			all = all && gone
			if err != nil {
				errs = append(errs, fmt.Errorf("drop the vectors of deleted index %q: %w", l.Name, err))
			}
		}
		if all {
			if _, err := r.cfg.Cluster.Propose(ctx, state.ForgetLeftover{UUID: l.UUID}); err != nil {
				errs = append(errs, fmt.Errorf("forget deleted index %q: %w", l.Name, err))
			}
		}
	}
	for key := range r.dropping {
		if !wanted[key] {
			delete(r.dropping, key)
		}
	}
	return errs
}

// unused reports whether no shard has anything of a generation any more: until then one may still write to it.
func (r *Reconciler) unused(ctx context.Context, x state.Index, generation int) (bool, error) {
	shards, err := r.cfg.Cluster.Filled(ctx, x)
	if err != nil {
		return false, err
	}
	for _, s := range shards {
		if slices.Contains(s.Others, generation) {
			return false, nil
		}
	}
	return true, nil
}

// dropOne drops a generation when nobody uses it any more, and reports whether it is gone. What fails is tried again,
// ever more seldom, and told once.
func (r *Reconciler) dropOne(ctx context.Context, view *state.View, key dropKey, unused func() (bool, error)) (
	gone bool, err error,
) {
	now := r.cfg.Now()
	d := r.dropping[key]
	if d == nil {
		d = &dropping{version: view.Version(), since: now}
		r.dropping[key] = d
	}
	if now.Before(d.retry) || !r.rested(ctx, d) {
		return false, nil
	}
	ready, err := unused()
	if err == nil && ready {
		err = r.cfg.Cluster.Drop(ctx, key.index, key.generation)
	}
	if err == nil {
		d.trouble = nil
		return ready, nil
	}
	told := d.trouble != nil && d.trouble.Error() == err.Error()
	d.trouble, d.failures = err, d.failures+1
	d.retry = now.Add(min(dropRetry<<min(d.failures, 10), maxDropRetry))
	if told || errors.Is(err, context.Canceled) {
		return false, nil
	}
	return false, err
}

// rested reports whether searches that began before the generation was given up are over: every node that is alive
// knows of it for a while, or one does not answer for long.
func (r *Reconciler) rested(ctx context.Context, d *dropping) bool {
	now := r.cfg.Now()
	if now.Sub(d.since) >= maxDropRest {
		return true
	}
	if d.seen.IsZero() {
		if !r.cfg.Cluster.Seen(ctx, d.version) {
			return false
		}
		d.seen = now
	}
	return now.Sub(d.seen) >= r.cfg.Rest
}
