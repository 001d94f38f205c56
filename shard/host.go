package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// Host holds the replicas of one node. Its methods may be called by any number of goroutines.
type Host struct {
	cfg       Config
	transfers *transfers
	scrubbing *scrubbing
	merging   *merging
	repairs   *repairs
	// collections are nil without a remote server of vectors.
	collections *collections

	// mu guards shards (by id), version and closed.
	mu     sync.RWMutex
	shards map[string]*hosted
	// version is that of the metadata which Assign was called with last.
	version uint64
	closed  bool

	// calls counts those under way.
	calls atomic.Int64
}

// New makes a host without replicas; Assign gives it some.
func New(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("make directory of replicas: %w", err)
	}
	h := &Host{cfg: cfg, shards: map[string]*hosted{}}
	if cfg.Remote != nil {
		h.collections = newCollections(cfg.Remote)
	}
	var err error
	if h.scrubbing, err = newScrubbing(&cfg); err != nil {
		return nil, err
	}
	if h.merging, err = newMerging(&cfg); err != nil {
		h.scrubbing.close()
		return nil, err
	}
	if h.repairs, err = newRepairs(cfg.Registry); err != nil {
		h.scrubbing.close()
		h.merging.close()
		return nil, err
	}
	if h.transfers, err = newTransfers(h); err != nil {
		h.scrubbing.close()
		h.merging.close()
		h.repairs.close()
		return nil, err
	}
	return h, nil
}

// Assign tells the host which replicas it is to hold, as of a version of the metadata; find gives any other
// shard, false for one that the metadata don't know. It returns at once: replicas are opened and closed in the
// background, see Ready. Versions don't decrease. With sure, the metadata are known to be no older than this
// node's files: what they don't know was deleted, and its files go. Replicas of shards that are only on other
// nodes go once their group does without them.
func (h *Host) Assign(version uint64, assignments []Assignment, find func(shard string) (Assignment, bool), sure bool,
) error {
	h.transfers.expire()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || version < h.version {
		return nil
	}
	h.version = version
	wanted := map[string]bool{}
	for _, a := range assignments {
		wanted[a.Shard] = true
		if s := h.shards[a.Shard]; s == nil || !s.set(a, keep) {
			h.shards[a.Shard] = h.startHosted(a, keep)
		}
	}
	for id, s := range h.shards {
		if wanted[id] {
			continue
		}
		if s.ended() {
			delete(h.shards, id)
		} else if a, there := find(id); there {
			s.set(a, unassigned)
		} else if sure {
			s.remove()
		}
	}
	if !sure {
		return nil
	}
	return h.clear(find)
}

// ended reports whether the replica's goroutine is done, and its files gone.
func (s *hosted) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// clear finds the directories of shards that this node no longer holds since it was away. Those of deleted
// indexes it removes: an index is in the metadata before its directories are made. Others may be needed by
// their groups until these did without. mu is held.
func (h *Host) clear(find func(shard string) (Assignment, bool)) error {
	names, err := h.cfg.FS.List(h.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list replicas: %w", err)
	}
	for _, name := range names {
		if name == transfersDir || h.shards[name] != nil {
			continue
		}
		if a, there := find(name); there {
			if h.cfg.Network != nil {
				h.shards[name] = h.startHosted(a, unassigned)
			}
			continue
		}
		h.cfg.Logger.Info("removing the files of a deleted index", "shard", name)
		if err := vfs.RemoveTree(h.cfg.FS, joinPath(h.cfg.Dir, name)); err != nil {
			return fmt.Errorf("remove deleted index: %w", err)
		}
	}
	return nil
}

// Ready is nil if every replica of this node serves; it waits for that as long as ctx lasts, and names
// each that doesn't.
func (h *Host) Ready(ctx context.Context) error {
	h.mu.RLock()
	shards := make([]*hosted, 0, len(h.shards))
	for _, s := range h.shards {
		// What is being restored is not to be found yet, and may take long.
		if want, gone := s.wanted(); gone == keep && (!want.Seed || want.Founded) {
			shards = append(shards, s)
		}
	}
	h.mu.RUnlock()
	slices.SortFunc(shards, func(a, b *hosted) int { return strings.Compare(a.id, b.id) })
	var errs []error
	for _, s := range shards {
		if err := s.ready(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *hosted) ready(ctx context.Context) error {
	for {
		open, want, trouble := s.lease()
		if open != nil {
			ctx, leave, ok := open.enter(ctx)
			if ok {
				defer leave()
				return open.replica.Ready(ctx)
			}
		}
		if trouble != nil && !errors.Is(trouble, errNotOpen) {
			return fmt.Errorf("shard %s of index %q: %w: %w", s.id, want.Index, api.ErrUnavailable, trouble)
		}
		select {
		case <-s.host.cfg.After(tendEvery / 20):
		case <-ctx.Done():
			return fmt.Errorf("shard %s of index %q: %w: %w", s.id, want.Index, api.ErrUnavailable, errNotOpen)
		}
	}
}

// Await returns when the replica of a shard is open and serves; an error names why it doesn't.
func (h *Host) Await(ctx context.Context, shard string) error {
	h.mu.RLock()
	s := h.shards[shard]
	h.mu.RUnlock()
	if s == nil {
		return fmt.Errorf("shard %s is not on this node: %w", shard, api.ErrUnavailable)
	}
	return s.ready(ctx)
}

// Close closes every replica. What was acknowledged is there when they are opened again.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	shards := h.shards
	h.shards = map[string]*hosted{}
	h.mu.Unlock()
	h.transfers.close()
	defer h.scrubbing.close()
	defer h.merging.close()
	defer h.repairs.close()
	var group errgroup.Group
	for _, s := range shards {
		group.Go(func() error {
			s.cancel()
			<-s.done
			return nil
		})
	}
	return group.Wait()
}

// Shards is the number of replicas this node holds or is about to.
func (h *Host) Shards() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.shards)
}

// Gone returns when nothing of a shard is left on this node, after Assign was told so.
func (h *Host) Gone(ctx context.Context, shard string) error {
	h.mu.RLock()
	s := h.shards[shard]
	h.mu.RUnlock()
	if s == nil {
		return nil
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
