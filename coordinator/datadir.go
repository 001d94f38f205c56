package coordinator

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"sagasu/internal/vfs"
)

// What is in a data directory.
const (
	lockFile    = "LOCK"
	versionFile = "VERSION"
	metaDir     = "meta"
	metaLogDir  = "log"
	indexesDir  = "indexes"
)

// dataVersion is the version of a data directory's layout; a build reads its own and older ones.
const dataVersion = 1

// ErrNewerData is returned when a data directory was written by a newer version of sagasu.
var ErrNewerData = errors.New("data directory of a newer version")

// ErrData is returned when a data directory is not one of sagasu's, or damaged.
var ErrData = errors.New("not a data directory of sagasu")

// lockData takes the data directory for this process and checks its version.
func lockData(fsys vfs.FS, dir string) (io.Closer, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	if err := checkVersion(fsys, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", dir, err), lock.Close())
	}
	return lock, nil
}

// checkVersion reads the version file; a directory without one gets one if it holds nothing else.
func checkVersion(fsys vfs.FS, dir string) error {
	path := filepath.Join(dir, versionFile)
	data, err := fsys.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeVersion(fsys, dir)
	}
	if err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(data)))
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("%s holds %.40q: %w", versionFile, data, ErrData)
	case version > dataVersion:
		return fmt.Errorf("version %d, this build reads up to %d: %w", version, dataVersion, ErrNewerData)
	}
	return nil
}

func writeVersion(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, name := range names {
		if name != lockFile && name != versionFile+".next" {
			return fmt.Errorf("it holds %q but no %s: %w", name, versionFile, ErrData)
		}
	}
	next := filepath.Join(dir, versionFile+".next")
	file, err := fsys.Create(next)
	if err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	_, err = fmt.Fprintf(file, "%d\n", dataVersion)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	if err := fsys.Rename(next, filepath.Join(dir, versionFile)); err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	return fsys.SyncDir(dir)
}

// removeTree removes a directory and what is in it. A node removes only directories of deleted
// indexes, whose layout it knows: files, and directories of files.
func removeTree(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := fsys.List(path); err == nil {
			err = removeTree(fsys, path)
			if err != nil {
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
