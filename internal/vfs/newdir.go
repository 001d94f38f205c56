package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// newDirSuffix marks a directory that is being made; what a crash left of one is removed by the next try.
const newDirSuffix = ".tmp"

// NewDir makes the directory dir out of the files that fill puts into temp, a directory beside it. dir is there
// complete and durable, or not at all, whenever the process stops; fill makes durable what it writes, but need
// not sync temp. On an error nothing is left. fs.ErrExist if dir is there already, which stays as it is. Two
// callers must not make the same directory at once.
func NewDir(fsys FS, dir string, fill func(temp string) error) error {
	dir = filepath.Clean(dir)
	if _, err := fsys.List(dir); err == nil {
		return fmt.Errorf("make directory %s: %w", dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make directory: %w", err)
	}
	temp := dir + newDirSuffix
	if err := RemoveTree(fsys, temp); err != nil {
		return fmt.Errorf("remove what is left of %s: %w", temp, err)
	}
	err := fsys.MkdirAll(temp)
	if err == nil {
		err = fill(temp)
	}
	if err == nil {
		err = fsys.SyncDir(temp)
	}
	if err == nil {
		err = fsys.Rename(temp, dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make directory %s: %w", dir, err), RemoveTree(fsys, temp))
	}
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil {
		return errors.Join(fmt.Errorf("make directory %s: %w", dir, err), RemoveTree(fsys, dir))
	}
	return nil
}
