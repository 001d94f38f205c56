package vault

import (
	"fmt"
	"strings"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// Apply stores and removes vectors, deletes first, under a log index; indexes don't decrease. A delete removes a
// version that is at most its key's; a vector with a version lower than the stored one is ignored. What is at or
// below the durable index is in the vault already and ignored. On an error nothing has changed:
// dense.ErrDimension, dense.ErrNotFinite, dense.ErrFull, ErrClosed, attributes that are not in order.
func (x *Index) Apply(index uint64, upserts []dense.Vector, deletes []dense.Key) error {
	units, err := vectorfile.Units(upserts, x.cfg.Dims)
	if err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return fmt.Errorf("apply vectors: %w", ErrClosed)
	}
	if index <= x.durable.Load() {
		return nil
	}
	if err := x.room(units); err != nil {
		return fmt.Errorf("apply vectors: %w", err)
	}
	for _, k := range deletes {
		if e := x.table.get(k.ID); e != nil && e.version <= k.Version {
			x.pending.set(e.id, nil)
			x.table.remove(k.ID)
		}
	}
	for i := range units {
		x.upsert(&units[i])
	}
	x.applied = max(x.applied, index)
	return nil
}

func (x *Index) upsert(v *dense.Vector) {
	e := x.table.get(v.ID)
	switch {
	case e == nil:
		// A part of a request would keep all of it in memory.
		v.ID = strings.Clone(v.ID)
	case e.version > v.Version:
		return
	default:
		v.ID = e.id
	}
	x.pending.set(v.ID, v)
	x.set(v.ID, v.Version, v.Digest, 0)
}

// room returns dense.ErrFull if the vectors don't fit. It doesn't count what the same call removes, so
// that the outcome is easy to foretell.
func (x *Index) room(units []dense.Vector) error {
	if x.table.entries+len(units) <= x.cfg.Limit {
		return nil
	}
	fresh := map[string]struct{}{}
	for i := range units {
		if x.table.get(units[i].ID) == nil {
			fresh[units[i].ID] = struct{}{}
		}
	}
	if n := x.table.entries + len(fresh); n > x.cfg.Limit {
		return fmt.Errorf("%w: it would hold %d vectors, its limit is %d", dense.ErrFull, n, x.cfg.Limit)
	}
	return nil
}
