package vectorfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// Config says where a chain is.
type Config struct {
	// FS is the file system.
	FS vfs.FS
	// Dir is the chain's own directory; it is made if it is not there.
	Dir string
	// Dims is the number of dimensions of every vector.
	Dims int
	// Keep has files stay mapped, for File.Vector.
	Keep bool
	// Manual leaves it to the caller to call Merge; else the chain merges in the background.
	Manual bool
	// Merged is told of a merge before the files that it covers are removed and released; nil for none.
	Merged func(m Merge)
	// Logger is told of merges that failed; nil for none.
	Logger *slog.Logger
}

// Chain is a directory of files that together are the state as of a log index. Its methods may be called
// concurrently, but for Append.
type Chain struct {
	cfg Config
	// wake has the background merge, stop ends it, done is closed then.
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}

	// mu guards what follows, and files from being removed.
	mu    sync.Mutex
	lock  io.Closer
	files []*File
	index uint64
	// live is the number of vectors as of the last flush.
	live int
	// stale are the files of merges that failed, which may be there all the same, by name, with their First. The
	// next merge covers them too, so that none overlaps with another in part, and removes them.
	stale map[string]uint64
	// damage is what a merge found.
	damage error
}

// Open locks the directory, removes what a crash left, and gives the records of all files to each, oldest file
// first, so that a later one replaces what an earlier one said of an id. The record's values are valid during
// the call only. An empty directory is at log index 0. Errors: ErrCorrupt, ErrVersion, vfs.ErrLocked if the
// directory is in use, dense.ErrDimension if the files hold vectors of other dimensions; those of each.
func Open(cfg Config, each func(f *File, r *Record) error) (*Chain, error) {
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Chain{cfg: cfg, lock: lock, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	c.stale = map[string]uint64{}
	if cfg.Manual {
		close(c.done)
	}
	if err := c.recover(each); err != nil {
		if !cfg.Manual {
			close(c.done)
		}
		return nil, errors.Join(err, c.Close())
	}
	if !cfg.Manual {
		go c.run(ctx)
	}
	return c, nil
}

// recover reads the directory and cleans it up.
func (c *Chain) recover(each func(f *File, r *Record) error) error {
	names, err := c.cfg.FS.List(c.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	files, covered := chain(names)
	if err := contiguous(files); err != nil {
		return err
	}
	for _, f := range files {
		if err := c.load(f, each); err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
	}
	for _, f := range covered {
		if err := c.remove(f.Name()); err != nil {
			return err
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, tmpExt) {
			if err := c.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// chain gives the files that no other's range contains, ascending, and the others.
func chain(names []string) (files, covered []*File) {
	var all []*File
	for _, name := range names {
		if first, last, ok := parseFileName(name); ok {
			all = append(all, &File{First: first, Last: last})
		}
	}
	// Of files that begin alike the longest comes first, so a file is covered if one before reaches its end.
	sort.Slice(all, func(i, j int) bool {
		if all[i].First != all[j].First {
			return all[i].First < all[j].First
		}
		return all[i].Last > all[j].Last
	})
	var end uint64
	for _, f := range all {
		if f.Last <= end {
			covered = append(covered, f)
			continue
		}
		files = append(files, f)
		end = f.Last
	}
	return files, covered
}

// contiguous returns ErrCorrupt, naming the file, unless each one begins where the one before ended.
func contiguous(files []*File) error {
	var end uint64
	for _, f := range files {
		if f.First != end+1 || f.Last < f.First {
			return fmt.Errorf("%w: %s should begin with flush %d", ErrCorrupt, f.Name(), end+1)
		}
		end = f.Last
	}
	return nil
}

// load reads a file and puts it at the end of the chain.
func (c *Chain) load(f *File, each func(f *File, r *Record) error) error {
	if err := c.mapFile(f); err != nil {
		return err
	}
	// From here on Close releases it.
	c.files = append(c.files, f)
	data := f.mapping.Bytes()
	if h, err := decodeHeader(data); err == nil {
		f.version = h.version
		f.ids = make([]string, 0, min(h.records, uint64(len(data))/frameSize))
	}
	h, err := decodeFile(data, c.cfg.Dims, func(r *Record) error {
		f.add(r.Vector.ID, r.Deleted)
		return each(f, r)
	})
	if err != nil {
		return err
	}
	if err := f.claim(h, c.index, f.Name()); err != nil {
		return err
	}
	c.index, f.index = h.index, h.index
	if c.cfg.Keep {
		return nil
	}
	mapping := f.mapping
	f.mapping = nil
	return mapping.Close()
}

func (c *Chain) newFile(first, last uint64) *File {
	return &File{First: first, Last: last, version: formatVersion, dims: c.cfg.Dims}
}

// mapFile maps a file on behalf of the chain.
func (c *Chain) mapFile(f *File) error {
	mapping, err := c.cfg.FS.Map(filepath.Join(c.cfg.Dir, f.Name()))
	if err != nil {
		return err
	}
	f.mapping, f.dims = mapping, c.cfg.Dims
	f.readers.Store(1)
	return nil
}

func (c *Chain) remove(name string) error {
	if err := c.cfg.FS.Remove(filepath.Join(c.cfg.Dir, name)); err != nil {
		return fmt.Errorf("remove vector file: %w", err)
	}
	return nil
}

// Index is the log index of the state that the files hold.
func (c *Chain) Index() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index
}

// Records is the number of records of all files, obsolete ones included.
func (c *Chain) Records() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, f := range c.files {
		n += len(f.ids)
	}
	return n
}

// Checkpoint makes dir, which must not exist (fs.ErrExist), a directory of its own with the files, and gives
// their log index. They are hard links, or copies where dir is on another file system. dir appears complete and
// durable, or not at all. Errors: ErrClosed, the context's, the file system's; none of them harms the chain.
func (c *Chain) Checkpoint(ctx context.Context, dir string) (index uint64, err error) {
	// The lock keeps the files from being removed.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return 0, ErrClosed
	}
	err = vfs.NewDir(c.cfg.FS, dir, func(temp string) error {
		for _, f := range c.files {
			if err := dense.ContextError(ctx); err != nil {
				return err
			}
			if err := c.cfg.FS.Link(filepath.Join(c.cfg.Dir, f.Name()), filepath.Join(temp, f.Name())); err != nil {
				return fmt.Errorf("link vector file: %w", err)
			}
		}
		return dense.ContextError(ctx)
	})
	if err != nil {
		return 0, err
	}
	return c.index, nil
}

// Close ends the merge that is running, frees the directory and releases the files; ErrClosed the second time.
// Files that readers hold stay mapped until they release them.
func (c *Chain) Close() error {
	c.stop()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return ErrClosed
	}
	var all []error
	for _, f := range c.files {
		all = append(all, f.Release())
	}
	all = append(all, c.lock.Close())
	c.lock, c.files = nil, nil
	return errors.Join(all...)
}

// Closed tells that Close was called.
func (c *Chain) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lock == nil
}
