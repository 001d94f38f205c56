package snapshots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/coordinator/state"
)

// restoring is what the loop knows of a restore.
type restoring struct {
	noted, heard time.Time
	// told is what the operation says it is doing.
	told string
}

// restoreAway is how long the node that restores a shard may be away before the restore is given up.
const restoreAway = 5 * time.Minute

// stepRestores ends restores that are complete, or can't be completed, and tells how far the others are. The nodes that
// hold the first replicas do the work, because the metadata say so.
func (k *Keeper) stepRestores(ctx context.Context, view *state.View) {
	under := map[string]bool{}
	for _, x := range view.Indexes() {
		if x.Restore == nil {
			continue
		}
		under[x.Restore.Operation] = true
		r := k.restores[x.UUID]
		if r == nil {
			r = &restoring{heard: k.cfg.Now()}
			k.restores[x.UUID] = r
		}
		if err := k.stepRestore(ctx, x, r); err != nil && ctx.Err() == nil {
			k.cfg.Logger.Warn("restore", "index", x.Name, "error", err)
		}
	}
	for _, o := range view.Operations() {
		if o.Kind == KindRestore && !o.State.Ended() && !under[o.ID] {
			o.State, o.Error, o.UpdatedMillis = state.OperationFailed, "the index was deleted", k.cfg.Now().UnixMilli()
			if _, err := k.cfg.Metadata.Propose(ctx, state.PutOperation{Operation: o}); err != nil && ctx.Err() == nil {
				k.cfg.Logger.Warn("end a restore", "operation", o.ID, "error", err)
			}
		}
	}
}

func (k *Keeper) stepRestore(ctx context.Context, x state.Index, r *restoring) error {
	if k.cancelled(x.Restore.Operation) {
		return k.endRestore(ctx, x, state.OperationCancelled, "cancelled by a user")
	}
	waiting := 0
	for _, s := range x.Shards {
		if !s.Founded {
			waiting++
		}
	}
	if waiting == 0 {
		return k.endRestore(ctx, x, state.OperationDone, "")
	}
	if k.cfg.Now().Sub(r.noted) < noteEvery {
		return nil
	}
	r.noted = k.cfg.Now()
	all, silent := k.askFilling(ctx, x)
	if all.Lasting {
		return k.endRestore(ctx, x, state.OperationFailed, all.Error)
	}
	if silent == "" {
		r.heard = k.cfg.Now()
	} else if k.cfg.Now().Sub(r.heard) > restoreAway {
		return k.endRestore(ctx, x, state.OperationFailed,
			fmt.Sprintf("node %s, which restores a shard, does not answer", silent))
	}
	step := fmt.Sprintf("%d of %d shards are there", len(x.Shards)-waiting, len(x.Shards))
	switch {
	case silent != "":
		step += ", node " + silent + " does not answer"
	case all.Error != "":
		step += ", tries again: " + all.Error
	}
	if len(step) > state.MaxNameBytes {
		step = step[:state.MaxNameBytes]
	}
	k.note(ctx, x.Restore.Operation, all.Done, all.Total, step)
	return nil
}

// askFilling adds up how far nodes are, and names one that does not say.
func (k *Keeper) askFilling(ctx context.Context, x state.Index) (all fillingAnswer, silent string) {
	asked := map[string]bool{}
	for _, s := range x.Shards {
		node := s.Nodes[0]
		if asked[node] {
			continue
		}
		asked[node] = true
		calling, cancel := context.WithTimeout(ctx, callTimeout/4)
		a, err := ask[fillingAnswer](calling, k.cfg.Nodes, node, methodFilling, fillingCall{Index: x.UUID})
		cancel()
		if err != nil {
			silent = node
			continue
		}
		all.Done += a.Done
		all.Total += a.Total
		if a.Error != "" && !all.Lasting {
			all.Error, all.Lasting = a.Error, a.Lasting
		}
	}
	return all, silent
}

func (k *Keeper) endRestore(ctx context.Context, x state.Index, end state.OperationState, failure string) error {
	delete(k.restores, x.UUID)
	_, err := k.cfg.Metadata.Propose(ctx, state.EndRestore{
		Name: x.Name, UUID: x.UUID, State: end, Error: failure, Millis: k.cfg.Now().UnixMilli(),
		Remote: k.cfg.Remote && x.Schema.Dense != nil,
	})
	if err != nil && !errors.Is(err, state.ErrIndexNotFound) {
		return fmt.Errorf("note the end: %w", err)
	}
	k.metrics.restored(end)
	k.cfg.Logger.Info("restore ended", "index", x.Name, "snapshot", x.Restore.Snapshot, "state", end, "error", failure)
	return nil
}
