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
	nodeFile    = "node.json"
	metaDir     = "meta"
	metaLogDir  = "log"
	// metaRestoredDir holds the metadata of another coordinator, complete, that are to take the place of
	// this one's.
	metaRestoredDir = "restored"
	indexesDir      = "indexes"
	// jobsDir holds the bulks that this node has taken, see package jobs.
	jobsDir = "jobs"
	// PepperFile holds what a node on its own recognises keys with. It is made before the directory is one of sagasu's,
	// by who makes the configuration.
	PepperFile = "pepper"
)

// dataVersion is the version of a data directory's layout; a build reads its own and older ones. 1 had
// no node.json.
const dataVersion = 2

// ErrNewerData is returned when a data directory was written by a newer version of sagasu.
var ErrNewerData = errors.New("data directory of a newer version")

// ErrData is returned when a data directory is not one of sagasu's, or damaged.
var ErrData = errors.New("not a data directory of sagasu")

// lockData takes the data directory for this process, checks its version and gives the node's identity.
func lockData(fsys vfs.FS, dir, id string) (io.Closer, identity, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, identity{}, fmt.Errorf("open data directory: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, identity{}, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	version, err := checkVersion(fsys, dir)
	var who identity
	if err == nil {
		who, err = readIdentity(fsys, dir, id, version == 1)
	}
	if err == nil && version < dataVersion {
		err = writeVersion(fsys, dir)
	}
	if err != nil {
		return nil, identity{}, errors.Join(fmt.Errorf("open data directory %s: %w", dir, err), lock.Close())
	}
	return lock, who, nil
}

// checkVersion gives the version of the directory, 0 for a new one.
func checkVersion(fsys vfs.FS, dir string) (int, error) {
	path := filepath.Join(dir, versionFile)
	data, err := fsys.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, refuseForeign(fsys, dir)
	}
	if err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(data)))
	switch {
	case err != nil || version < 1:
		return 0, fmt.Errorf("%s holds %.40q: %w", versionFile, data, ErrData)
	case version > dataVersion:
		return 0, fmt.Errorf("version %d, this build reads up to %d: %w", version, dataVersion, ErrNewerData)
	}
	return version, nil
}

// refuseForeign refuses a directory without a version that holds anything but what an interrupted first
// start leaves.
func refuseForeign(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, name := range names {
		switch strings.TrimSuffix(name, ".next") {
		case lockFile, versionFile, nodeFile, PepperFile:
		default:
			return fmt.Errorf("it holds %q but no %s: %w", name, versionFile, ErrData)
		}
	}
	return nil
}

func writeVersion(fsys vfs.FS, dir string) error {
	return vfs.Replace(fsys, filepath.Join(dir, versionFile), fmt.Appendf(nil, "%d\n", dataVersion))
}
