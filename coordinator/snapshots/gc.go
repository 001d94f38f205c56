package snapshots

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"sagasu/internal/blob"
)

// needed are the objects that snapshots need.
type needed struct {
	mu           sync.Mutex
	lists, blobs map[[sha256.Size]byte]bool
}

// Drop deletes a snapshot, and what no other one needs. Broken off at any time it can be done again. Nobody may write
// to the repository meanwhile. As long as another manifest can't be read nothing but the manifest of this one goes,
// since nobody knows what the other needs.
func (r *Repository) Drop(ctx context.Context, id string, now time.Time) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if err := r.store.Delete(ctx, manifestName(id)); err != nil {
		return fmt.Errorf("delete manifest: %w", err)
	}
	ids, err := r.List(ctx)
	if err != nil {
		return err
	}
	n := &needed{lists: map[[sha256.Size]byte]bool{}, blobs: map[[sha256.Size]byte]bool{}}
	err = each(ctx, uploads, ids, func(ctx context.Context, id string) error { return n.add(ctx, r, id) })
	if err != nil {
		return fmt.Errorf("find what other snapshots need: %w", err)
	}
	// Lists go first: a list is only looked for by a manifest, and no manifest names one that goes.
	if err := r.sweep(ctx, shardPrefix, n.lists); err != nil {
		return err
	}
	if err := r.sweep(ctx, blobPrefix, n.blobs); err != nil {
		return err
	}
	return r.sweepTemp(ctx, now)
}

// add notes what a snapshot needs.
func (n *needed) add(ctx context.Context, r *Repository, id string) error {
	m, _, err := r.Manifest(ctx, id)
	if err != nil {
		return err
	}
	for i := range m.Indexes {
		for _, s := range m.Indexes[i].Shards {
			c, ok := s.List.content(maxShardBytes)
			if !ok {
				return ErrFormat // it was checked
			}
			if !n.first(c) {
				continue
			}
			l, err := r.shardList(ctx, s.List)
			if err != nil {
				return fmt.Errorf("snapshot %s: %w", id, err)
			}
			n.addBlobs(l)
		}
	}
	return nil
}

func (n *needed) first(list blob.Content) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lists[list.SHA256] {
		return false
	}
	n.lists[list.SHA256] = true
	return true
}

func (n *needed) addBlobs(l *ShardList) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range l.contents() {
		n.blobs[c.SHA256] = true
	}
}

// sweep deletes the objects below a prefix that are not needed.
func (r *Repository) sweep(ctx context.Context, prefix string, keep map[[sha256.Size]byte]bool) error {
	var gone []string
	err := r.store.List(ctx, prefix, func(info blob.Info) error {
		if sum, ok := digestOf(prefix, info.Name); ok && !keep[sum] {
			gone = append(gone, info.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return each(ctx, uploads, gone, func(ctx context.Context, name string) error { return r.store.Delete(ctx, name) })
}

// sweepTemp deletes what broken uploads left.
func (r *Repository) sweepTemp(ctx context.Context, now time.Time) error {
	var gone []string
	err := r.store.List(ctx, blob.TempPrefix, func(info blob.Info) error {
		if now.Sub(info.Modified) > tempAge {
			gone = append(gone, info.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list what broken uploads left: %w", err)
	}
	for _, name := range gone {
		if err := r.store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
