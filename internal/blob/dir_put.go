package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Put implements Store: the file is written under a name of its own, synced, and then given its name by a link, which
// fails if there is one.
func (d *Dir) Put(ctx context.Context, name string, body Body, content Content) error {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return fmt.Errorf("put object %.200q: %w", name, err)
	}
	if _, err := d.root.Lstat(name); err == nil {
		return fmt.Errorf("put object %s: %w", name, ErrExists)
	}
	err := d.put(ctx, name, body, content)
	if err != nil {
		return fmt.Errorf("put object %s: %w", name, fileError(err))
	}
	return nil
}

func (d *Dir) put(ctx context.Context, name string, body Body, content Content) (err error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	temp := TempPrefix + hex.EncodeToString(random[:])
	if err := d.makeDirs(path.Dir(temp)); err != nil {
		return err
	}
	defer func() {
		if gone := d.root.Remove(temp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if err := d.write(ctx, temp, body, content); err != nil {
		return err
	}
	if err := d.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	if err := d.root.Link(temp, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		// The file system has no links. Between the look and the renaming somebody may be faster; what is written
		// under one name is the same, but for two who share a store against the rules.
		if _, there := d.root.Lstat(name); there == nil {
			return ErrExists
		}
		if err := d.root.Rename(temp, name); err != nil {
			return err
		}
	}
	return d.syncDir(path.Dir(name))
}

// write makes the file durable if it has the content it should have.
func (d *Dir) write(ctx context.Context, temp string, body Body, content Content) (err error) {
	from, err := body()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := io.Copy(to, check(untilDone{ctx, from}, content)); err != nil {
		return err
	}
	return to.Sync()
}

// untilDone ends reading with its context.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}

// makeDirs makes a directory and those above it, durably.
func (d *Dir) makeDirs(dir string) error {
	if info, err := d.root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if parent := path.Dir(dir); parent != dir {
		if err := d.makeDirs(parent); err != nil {
			return err
		}
	}
	if err := d.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.syncDir(path.Dir(dir))
}

func (d *Dir) syncDir(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
