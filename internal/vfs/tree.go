package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// RemoveTree removes a directory and what is in it; nothing if it is not there.
func RemoveTree(fsys FS, dir string) error {
	names, err := fsys.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := fsys.List(path); err == nil {
			if err := RemoveTree(fsys, path); err != nil {
				return err
			}
			continue
		}
		if err := fsys.Remove(path); err != nil {
			return err
		}
	}
	return fsys.Remove(dir)
}

// HasDir tells whether a directory is there.
func HasDir(fsys FS, dir string) (bool, error) {
	_, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
