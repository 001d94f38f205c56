package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/coordinator/fsm"
	"sagasu/coordinator/query"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/shard/replica"
)

// Node is one node. Its methods may be called by any number of goroutines.
type Node struct {
	cfg  Config
	lock io.Closer
	fsm  *fsm.FSM
	meta *consensus.Group
	// searcher runs the searches of all indexes.
	searcher *query.Searcher

	// change serialises creating and deleting indexes; taken before mu.
	change sync.Mutex
	// mu guards indexes (by name) and closed.
	mu      sync.RWMutex
	indexes map[string]*openIndex
	closed  bool
}

// Open opens the node of a data directory, or makes it. It returns when all indexes are open, which
// may take as long as replaying their logs. Errors name the file or directory: vfs.ErrLocked if another
// process has it, ErrNewerData, ErrData, and those of damaged files.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	lock, err := lockData(cfg.FS, cfg.DataDir)
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, lock: lock, indexes: map[string]*openIndex{}}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	searching := query.Default()
	searching.Registry, searching.Logger, searching.Now = n.cfg.Registry, n.cfg.Logger, n.cfg.Now
	if n.cfg.Embedder != nil {
		searching.Embedder = n.cfg.Embedder
	}
	var err error
	if n.searcher, err = query.New(searching); err != nil {
		return fmt.Errorf("prepare searching: %w", err)
	}
	dir := filepath.Join(n.cfg.DataDir, metaDir)
	if n.fsm, err = fsm.Open(n.cfg.FS, dir); err != nil {
		return err
	}
	if err := n.refuseLostMetadata(dir); err != nil {
		return err
	}
	if n.meta, err = consensus.Open(n.metaConfig(dir), n.fsm); err != nil {
		return fmt.Errorf("open metadata log: %w", err)
	}
	// What was committed before the last stop must be applied before directories are looked at.
	if err := n.awaitLeadership(ctx); err != nil {
		return fmt.Errorf("recover metadata: %w", err)
	}
	if err := n.meta.ReadBarrier(ctx); err != nil {
		return fmt.Errorf("recover metadata: %w", err)
	}
	if err := n.fsm.Err(); err != nil {
		return fmt.Errorf("recover metadata: %w", err)
	}
	if err := n.removeDeleted(); err != nil {
		return err
	}
	return n.openIndexes(ctx)
}

// refuseLostMetadata returns ErrData if there are indexes and the log that names them is gone: with an
// empty log they would be taken for deleted ones and removed.
func (n *Node) refuseLostMetadata(dir string) error {
	logDir := n.metaConfig(dir).Dir
	files, err := n.cfg.FS.List(logDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list metadata log: %w", err)
	}
	if slices.ContainsFunc(files, func(name string) bool { return filepath.Ext(name) == ".db" }) {
		return nil
	}
	indexes, err := n.cfg.FS.List(filepath.Join(n.cfg.DataDir, indexesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list indexes: %w", err)
	}
	if len(indexes) > 0 {
		return fmt.Errorf("%w: %s has %d indexes, but their metadata log in %s is gone", ErrData,
			n.cfg.DataDir, len(indexes), logDir)
	}
	return nil
}

// awaitLeadership returns when the metadata group of this one node leads, a moment after it is opened.
func (n *Node) awaitLeadership(ctx context.Context) error {
	for !n.meta.IsLeader() {
		select {
		case <-n.meta.LeaderChanges():
		case <-n.meta.Failed():
			return n.meta.Err()
		case <-n.fsm.Failed():
			return n.fsm.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// openIndexes opens every index of the metadata, side by side.
func (n *Node) openIndexes(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, x := range n.fsm.View().Indexes() {
		group.Go(func() error { return n.openIndex(ctx, x) })
	}
	return group.Wait()
}

// openIndex opens an index's replica and waits until its log is applied.
func (n *Node) openIndex(ctx context.Context, x state.Index) error {
	cfg := replica.Default()
	cfg.Dir, cfg.Name, cfg.Schema = n.indexDir(x.UUID), x.Name, x.Schema
	cfg.FS, cfg.Analyzers, cfg.Embedder = n.cfg.FS, n.cfg.Analyzers, n.cfg.Embedder
	cfg.Logger, cfg.Registry = n.cfg.Logger, n.cfg.Registry
	if x.Schema.Dense != nil && n.cfg.Remote != nil {
		remote, err := n.cfg.Remote.Open(ctx, x.UUID, x.Schema)
		if err != nil {
			return fmt.Errorf("open dense leg of index %q: %w", x.Name, err)
		}
		cfg.Remote = remote
	}
	r, err := replica.Open(cfg)
	if err != nil {
		return err
	}
	if err := r.Ready(ctx); err != nil {
		return errors.Join(fmt.Errorf("recover: %w", err), r.Close())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.indexes[x.Name] = newOpenIndex(x, r)
	return nil
}

func (n *Node) indexDir(uuid string) string { return filepath.Join(n.cfg.DataDir, indexesDir, uuid) }

// removeDeleted removes directories of indexes that are not in the metadata: an index is in it before
// its directory is made, so these were deleted and a stop came before their files were removed.
func (n *Node) removeDeleted() error {
	dir := filepath.Join(n.cfg.DataDir, indexesDir)
	if err := n.cfg.FS.MkdirAll(dir); err != nil {
		return fmt.Errorf("make directory of indexes: %w", err)
	}
	names, err := n.cfg.FS.List(dir)
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	known := n.fsm.View().Indexes()
	for _, uuid := range names {
		if slices.ContainsFunc(known, func(x state.Index) bool { return x.UUID == uuid }) {
			continue
		}
		n.cfg.Logger.Info("removing the files of a deleted index", "uuid", uuid)
		if err := removeTree(n.cfg.FS, filepath.Join(dir, uuid)); err != nil {
			return fmt.Errorf("remove deleted index: %w", err)
		}
	}
	return nil
}

// enter begins a call on an index: api.ErrIndexNotFound, or api.ErrUnavailable while the node closes.
func (n *Node) enter(ctx context.Context, name string) (*openIndex, context.Context, func(), error) {
	n.mu.RLock()
	x, found := n.indexes[name]
	closed := n.closed
	n.mu.RUnlock()
	if closed {
		return nil, nil, nil, fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	}
	if found {
		if ctx, leave, ok := x.enter(ctx); ok {
			return x, ctx, leave, nil
		}
	}
	return nil, nil, nil, fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
}

// Ready is nil if everything is: the metadata can be changed and every index serves. Otherwise it
// names each that doesn't.
func (n *Node) Ready(ctx context.Context) error {
	n.mu.RLock()
	open := make([]*openIndex, 0, len(n.indexes))
	for _, x := range n.indexes {
		open = append(open, x)
	}
	closed := n.closed
	n.mu.RUnlock()
	if closed {
		return fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	}
	var errs []error
	if err := errors.Join(n.fsm.Err(), n.meta.ReadBarrier(ctx)); err != nil {
		errs = append(errs, fmt.Errorf("metadata: %w", err))
	}
	slices.SortFunc(open, func(a, b *openIndex) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range open {
		ctx, leave, ok := x.enter(ctx)
		if !ok {
			continue
		}
		if err := x.replica.Ready(ctx); err != nil {
			errs = append(errs, err)
		}
		leave()
	}
	return errors.Join(errs...)
}

// Close ends the node: calls under way are finished or ended, and every index is closed. What was
// acknowledged is there at the next Open.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	open := n.indexes
	n.indexes = map[string]*openIndex{}
	n.mu.Unlock()
	var group errgroup.Group
	errs := make([]error, 0, len(open)+2)
	var mu sync.Mutex
	for _, x := range open {
		group.Go(func() error {
			err := x.close()
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			return nil
		})
	}
	errs = append(errs, group.Wait())
	if n.meta != nil {
		errs = append(errs, n.meta.Close())
	}
	errs = append(errs, n.lock.Close())
	return errors.Join(errs...)
}
