package vectorfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// VerifyFile reads a file that nobody has open and checks all of it. pace is called with a number of bytes before they
// are read, and may wait; its error ends it, as the context's does. ErrCorrupt and ErrVersion name the file.
func VerifyFile(ctx context.Context, fsys vfs.FS, path string, pace func(bytes int) error) error {
	_, err := verifyFile(ctx, fsys, path, pace)
	return err
}

func verifyFile(ctx context.Context, fsys vfs.FS, path string, pace func(bytes int) error) (h header, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("verify vectors %s: %w", path, err)
		}
	}()
	mapping, err := fsys.Map(path)
	if err != nil {
		return h, err
	}
	defer func() { err = cmp.Or(err, mapping.Close()) }()
	data := mapping.Bytes()
	if h, err = decodeHeader(data); err != nil {
		return h, err
	}
	paid := uint64(0)
	step := func(at uint64) error {
		for paid <= at && paid < uint64(len(data)) {
			n := min(verifyStep, uint64(len(data))-paid)
			if err := cmp.Or(dense.ContextError(ctx), pace(int(n))); err != nil {
				return err
			}
			paid += n
		}
		return nil
	}
	if err := step(0); err != nil {
		return h, err
	}
	// A record is smaller than a step, or nearly so: what is paid for is little behind what is read.
	return decodeFile(data, h.dims, func(r *Record) error { return step(r.Offset) })
}

// VerifyDir checks the files of a chain that nobody has open, as Open does, and gives its log index. See VerifyFile.
func VerifyDir(ctx context.Context, fsys vfs.FS, dir string, pace func(bytes int) error) (index uint64, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return 0, fmt.Errorf("verify vectors: %w", err)
	}
	files, _ := chain(names)
	if err := contiguous(files); err != nil {
		return 0, fmt.Errorf("verify vectors in %s: %w", dir, err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		h, err := verifyFile(ctx, fsys, path, pace)
		if err == nil {
			err = f.claim(h, index, path)
		}
		if err != nil {
			return 0, err
		}
		index = h.index
	}
	return index, nil
}

// claim holds a header against the file's name and the log index of the file before.
func (f *File) claim(h header, before uint64, path string) error {
	if h.first != f.First || h.last != f.Last || h.index < before {
		return fmt.Errorf("%w: the header of %s is that of %s at log index %d", ErrCorrupt, path, fileName(h.first, h.last),
			h.index)
	}
	return nil
}

// Verify reads the chain's files again and checks all of them: they may rot after Open did so. Merges go on meanwhile.
// See VerifyFile; a file that is gone is ErrCorrupt too.
func (c *Chain) Verify(ctx context.Context, pace func(bytes int) error) error {
	c.mu.Lock()
	files := slices.Clone(c.files)
	c.mu.Unlock()
	for _, f := range files {
		err := VerifyFile(ctx, c.cfg.FS, filepath.Join(c.cfg.Dir, f.Name()), pace)
		if errors.Is(err, fs.ErrNotExist) {
			if !c.has(f) {
				continue // it was merged away
			}
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Chain) has(f *File) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.files, f)
}
