package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Dir keeps objects as files of a directory, which may be a share that several nodes mount. It never leaves it,
// symbolic links included.
type Dir struct {
	root *os.Root
}

var _ Store = (*Dir)(nil)

// OpenDir opens a directory, which must be there: one that is not is likely a share that is not mounted, and must not
// be filled in its place. ErrNotFound, ErrDenied or ErrConfig.
func OpenDir(dir string) (*Dir, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open store: %w: %s is no directory", ErrConfig, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", fileError(err))
	}
	return &Dir{root: root}, nil
}

// Close lets go of the directory.
func (d *Dir) Close() error { return d.root.Close() }

// fileError gives an error of the file system its meaning here.
func fileError(err error) error {
	for _, m := range []struct{ of, is error }{
		{fs.ErrNotExist, ErrNotFound}, {fs.ErrExist, ErrExists}, {fs.ErrPermission, ErrDenied},
		{syscall.ENOSPC, ErrFull}, {syscall.EDQUOT, ErrFull}, {syscall.EROFS, ErrDenied},
		{syscall.ENOTDIR, ErrNotFound}, {syscall.ESTALE, ErrUnavailable}, {syscall.EIO, ErrUnavailable},
		{syscall.ETIMEDOUT, ErrUnavailable},
	} {
		if errors.Is(err, m.of) {
			return fmt.Errorf("%w: %w", m.is, err)
		}
	}
	return err
}

// Get implements Store.
func (d *Dir) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	fail := func(err error) (io.ReadCloser, int64, error) {
		return nil, 0, fmt.Errorf("get object %.200q: %w", name, err)
	}
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return fail(err)
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fail(fileError(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: no regular file", ErrNotFound)
	}
	if err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return f, info.Size(), nil
}

// Stat implements Store.
func (d *Dir) Stat(ctx context.Context, name string) (Info, error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return Info{}, fmt.Errorf("stat object %.200q: %w", name, err)
	}
	info, err := d.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: no regular file", ErrNotFound)
	}
	if err != nil {
		return Info{}, fmt.Errorf("stat object %s: %w", name, fileError(err))
	}
	return Info{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete implements Store.
func (d *Dir) Delete(ctx context.Context, name string) error {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return fmt.Errorf("delete object %.200q: %w", name, err)
	}
	err := d.root.Remove(name)
	if err == nil {
		err = d.syncDir(path.Dir(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete object %s: %w", name, fileError(err))
	}
	return nil
}

// List implements Store.
func (d *Dir) List(ctx context.Context, prefix string, each func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	start := "."
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		start = prefix[:at]
	}
	err := d.walk(ctx, start, prefix, each, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := d.root.Stat("."); gone == nil {
			return nil
		}
	}
	return err
}

// walk lists a directory, some entries at a time. Files that are no objects are passed over.
func (d *Dir) walk(ctx context.Context, dir, prefix string, each func(Info) error, depth int) (err error) {
	if depth > maxElements {
		return nil
	}
	f, err := d.root.Open(dir)
	if err != nil {
		return fmt.Errorf("list objects: %w", fileError(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		entries, err := f.ReadDir(walkBatch)
		for _, entry := range entries {
			if err := d.visit(ctx, path.Join(dir, entry.Name()), entry, prefix, each, depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list objects: %w", fileError(err))
		}
	}
}

func (d *Dir) visit(ctx context.Context, name string, entry fs.DirEntry, prefix string, each func(Info) error, depth int,
) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	if entry.IsDir() {
		if !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
			return nil
		}
		err := d.walk(ctx, name, prefix, each, depth+1)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if !entry.Type().IsRegular() || !strings.HasPrefix(name, prefix) || CheckName(name) != nil {
		return nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list objects: %w", fileError(err))
	}
	return each(Info{Name: name, Size: info.Size(), Modified: info.ModTime()})
}
