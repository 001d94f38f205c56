package coordinator

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/meta"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
	"sagasu/shard/replica"
)

// Filled implements reconcile.Generations.
func (n reconciled) Filled(ctx context.Context, x state.Index) ([]reconcile.Filled, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	l, err := n.layouts.find(x.Name)
	if err != nil {
		return nil, err
	}
	if l.UUID != x.UUID {
		return nil, fmt.Errorf("index %q: %w", x.Name, api.ErrIndexNotFound)
	}
	shards, err := n.denseStatus(ctx, l)
	if err != nil {
		return nil, err
	}
	out := make([]reconcile.Filled, len(shards))
	for i, statuses := range shards {
		out[i] = filled(&x, statuses)
	}
	return out, nil
}

// filled sorts what a shard has by what the index wants.
func filled(x *state.Index, statuses []replica.GenerationStatus) (f reconcile.Filled) {
	for _, s := range statuses {
		waiting := max(s.WaitEmbed, s.WaitFeed)
		v := reconcile.Vectors{
			There: max(0, s.Vectors-(waiting-s.WaitEmbed)), Waiting: waiting, Failed: s.Failed, Trouble: s.Trouble,
		}
		switch {
		case x.Schema.Dense != nil && s.Generation == x.Schema.Dense.Generation:
			f.Present = v
		case x.Next != nil && s.Generation == x.Next.Generation:
			f.Next, f.Begun = v, true
		default:
			f.Others = append(f.Others, s.Generation)
		}
	}
	return f
}

// Seen implements reconcile.Generations.
func (n reconciled) Seen(ctx context.Context, version uint64) bool {
	if n.net == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	for _, c := range n.candidates(n.meta.View()) {
		if c.Node.ID == n.who.Load().ID || !c.Alive {
			continue
		}
		if seen, err := meta.Seen(ctx, n.net, c.Node.ID); err != nil || seen < version {
			return false
		}
	}
	return true
}

// Drop implements reconcile.Generations.
func (n reconciled) Drop(ctx context.Context, uuid string, generation int) error {
	if n.cfg.Remote == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return n.cfg.Remote.Drop(ctx, uuid, generation)
}
