package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

func joinPath(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

// diskUse gives the size of the files in a directory, in bytes. Files come and go meanwhile.
func diskUse(dir string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	return total, nil
}
