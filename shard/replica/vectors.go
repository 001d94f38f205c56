package replica

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// vectorStore keeps the vectors of one generation; a part of the state machine.
type vectorStore interface {
	Apply(index uint64, upserts []dense.Vector, deletes []dense.Key) error
	Flush(ctx context.Context) (uint64, error)
	DurableIndex() uint64
	UnflushedBytes() int
	Checkpoint(ctx context.Context, dir string) (uint64, error)
	Verify(ctx context.Context, pace func(bytes int) error) error
	Get(ids []string) ([]dense.Vector, error)
	Stat(id string) (version uint64, digest [16]byte, ok bool)
	Count(ctx context.Context) (int, error)
	Close() error
}

// vectors are the stores of all generations, each in a directory of its own. Applying, and opening and ending
// stores, is up to the goroutine that applies; reading to any.
type vectors struct {
	fs  vfs.FS
	dir string
	// open opens the store of a directory.
	open func(dir string, dims int) (vectorStore, error)
	// unflushed bounds the bytes of a store that are in no file.
	unflushed int

	// mu is held for reading while a store is used, and for writing to add or close one.
	mu     sync.RWMutex
	stores map[int]*store
	// ended holds a token when a generation was dropped whose files are still there.
	ended chan struct{}
}

// store is the store of one generation.
type store struct {
	vectorStore
	// born and ended are the log indexes of the entries that began and dropped the generation, 0 for none.
	born, ended uint64
}

func newVectors(fs vfs.FS, dir string, open func(dir string, dims int) (vectorStore, error)) *vectors {
	return &vectors{
		fs: fs, dir: dir, open: open, unflushed: maxUnflushedBytes,
		stores: map[int]*store{}, ended: make(chan struct{}, 1),
	}
}

// path gives the directory of a generation.
func (v *vectors) path(dir string, generation int) string {
	return filepath.Join(dir, storeName(generation))
}

func storeName(generation int) string {
	if generation == 0 {
		return denseDir
	}
	return denseDir + "-" + strconv.Itoa(generation)
}

// isStore reports whether a directory of a replica is that of a generation.
func isStore(name string) bool { return name == denseDir || strings.HasPrefix(name, denseDir+"-") }

// removeStray removes what is left of generations that the state knows nothing of: they were dropped, or are to
// be begun again by the log.
func (v *vectors) removeStray(known []int) error {
	names, err := v.fs.List(v.dir)
	if err != nil {
		return fmt.Errorf("list vectors: %w", err)
	}
	keep := map[string]bool{}
	for _, g := range known {
		keep[storeName(g)] = true
	}
	for _, name := range names {
		if !isStore(name) || keep[name] {
			continue
		}
		if err := vfs.RemoveTree(v.fs, filepath.Join(v.dir, name)); err != nil {
			return fmt.Errorf("remove dropped vectors: %w", err)
		}
	}
	return nil
}

// add opens the store of a generation.
func (v *vectors) add(generation, dims int, born uint64) error {
	opened, err := v.open(v.path(v.dir, generation), dims)
	if err != nil {
		return fmt.Errorf("open vectors of generation %d: %w", generation, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stores[generation] = &store{vectorStore: opened, born: born}
	return nil
}

// begin makes an empty store for a generation that begins with an entry.
func (v *vectors) begin(generation, dims int, entry uint64) error {
	if err := vfs.RemoveTree(v.fs, v.path(v.dir, generation)); err != nil {
		return fmt.Errorf("remove vectors of generation %d: %w", generation, err)
	}
	if err := v.add(generation, dims, entry); err != nil {
		return err
	}
	// Else it would count as being behind. It is not at the entry itself yet: if a flush came now, it would take
	// that for done, and ignore the vectors of the entry.
	return v.find(generation).Apply(entry-1, nil, nil)
}

// find gives a store that is in use, nil if there is none.
func (v *vectors) find(generation int) *store {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.lookup(generation)
}

func (v *vectors) lookup(generation int) *store {
	if s := v.stores[generation]; s != nil && s.ended == 0 {
		return s
	}
	return nil
}

// use calls fn with the store of a generation, which is not closed meanwhile; ErrNoGeneration if there is none.
func (v *vectors) use(generation int, fn func(s vectorStore) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.lookup(generation)
	if s == nil {
		return fmt.Errorf("generation %d: %w", generation, ErrNoGeneration)
	}
	return fn(s.vectorStore)
}

// each calls fn for every store in use, ascending, until it gives an error.
func (v *vectors) each(fn func(generation int, s *store) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var numbers []int
	for n := range v.stores {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if s := v.lookup(n); s != nil {
			if err := fn(n, s); err != nil {
				return fmt.Errorf("vectors of generation %d: %w", n, err)
			}
		}
	}
	return nil
}

// change is what an entry does to the stores.
type change struct {
	// upserts are by generation, deletes concern all of them.
	upserts map[int][]dense.Vector
	deletes []dense.Key
	// only restricts deletes to one generation, unless it is negative.
	only int
}

// apply brings every store to a log index. A store that holds much that is in no file is flushed: documents alone
// don't tell when, for an index may be embedded anew while none is written.
func (v *vectors) apply(index uint64, c change) error {
	return v.each(func(generation int, s *store) error {
		deletes := c.deletes
		if c.only >= 0 && c.only != generation {
			deletes = nil
		}
		if err := s.Apply(index, c.upserts[generation], deletes); err != nil || s.UnflushedBytes() < v.unflushed {
			return err
		}
		_, err := s.Flush(context.Background())
		return err
	})
}

// durable is the log index that every store holds, most if there is none.
func (v *vectors) durable(most uint64) uint64 {
	_ = v.each(func(_ int, s *store) error {
		most = min(most, s.DurableIndex())
		return nil
	})
	return most
}

func (v *vectors) flush(ctx context.Context) error {
	return v.each(func(_ int, s *store) error {
		_, err := s.Flush(ctx)
		return err
	})
}

// end takes a store out of use. Its files stay until the manifest knows nothing of it.
func (v *vectors) end(generation int, entry uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.lookup(generation); s != nil {
		s.ended = entry
		select {
		case v.ended <- struct{}{}:
		default:
		}
	}
}

// bury closes and removes the stores that were dropped up to a log index, and reports whether there are others
// still.
func (v *vectors) bury(durable uint64) (more bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for generation, s := range v.stores {
		switch {
		case s.ended == 0:
			continue
		case s.ended > durable:
			more = true
			continue
		}
		delete(v.stores, generation)
		if err := errors.Join(s.Close(), vfs.RemoveTree(v.fs, v.path(v.dir, generation))); err != nil {
			return more, fmt.Errorf("remove vectors of generation %d: %w", generation, err)
		}
	}
	return more, nil
}

// checkpoint copies the stores by hard links, but for those that began after a log index, which is that of the
// copied documents. make is called first and gives it; nothing is removed meanwhile. It gives the log index that
// all copies hold.
func (v *vectors) checkpoint(ctx context.Context, dir string, documents func() (uint64, error)) (uint64, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	index, err := documents()
	if err != nil {
		return 0, err
	}
	least := index
	for generation, s := range v.stores {
		if s.born > index {
			continue
		}
		at, err := s.Checkpoint(ctx, v.path(dir, generation))
		if err != nil {
			return 0, fmt.Errorf("copy vectors of generation %d: %w", generation, err)
		}
		// One that was dropped meanwhile is as of then, and needed only up to there.
		if s.ended == 0 {
			least = min(least, at)
		}
	}
	return least, nil
}

// verify reads the files of every store and checks them. It takes long, so it holds up nobody: a store that is closed
// meanwhile has no files any more.
func (v *vectors) verify(ctx context.Context, pace func(bytes int) error) error {
	var stores []*store
	_ = v.each(func(_ int, s *store) error {
		stores = append(stores, s)
		return nil
	})
	for _, s := range stores {
		if err := s.Verify(ctx, pace); err != nil {
			return err
		}
	}
	return nil
}

func (v *vectors) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, s := range v.stores {
		errs = append(errs, s.Close())
	}
	clear(v.stores)
	return errors.Join(errs...)
}
