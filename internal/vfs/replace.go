package vfs

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Replace writes a file beside the one of that path and then takes its place in one step: after a stop at
// any instant one of the two is there, whole.
func Replace(fsys FS, path string, data []byte) error {
	next := path + ".next"
	file, err := fsys.Create(next)
	if err != nil {
		return fmt.Errorf("create %s: %w", next, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", next, err)
	}
	if err := fsys.Rename(next, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("sync directory of %s: %w", path, err)
	}
	return nil
}
