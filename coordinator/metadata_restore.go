package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sagasu/coordinator/fsm"
	"sagasu/coordinator/meta"
	"sagasu/internal/consensus"
)

// fetchMetadata gives consensus.Config.Fetch: the state of another coordinator, for one that lags further
// behind than the log reaches.
func fetchMetadata(cfg *Config, net *network) func(ctx context.Context, from, into string) (uint64, error) {
	return func(ctx context.Context, from, into string) (uint64, error) {
		view, err := meta.Fetch(ctx, net, from)
		if err != nil {
			return 0, fmt.Errorf("fetch metadata from %s: %w", from, err)
		}
		if err := fsm.Write(cfg.FS, into, view); err != nil {
			return 0, fmt.Errorf("keep metadata of %s: %w", from, err)
		}
		return view.Applied(), nil
	}
}

// adoptMetadata puts fetched metadata in the place of this coordinator's, if there are any.
func adoptMetadata(cfg *Config, conf consensus.Config, dir string) error {
	from := filepath.Join(conf.RestoreDir, fsm.StateFile)
	err := cfg.FS.Rename(from, filepath.Join(dir, fsm.StateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// There are none, or they were moved before a stop.
	case err != nil:
		return err
	default:
		if err := errors.Join(cfg.FS.SyncDir(dir), cfg.FS.SyncDir(conf.RestoreDir)); err != nil {
			return err
		}
	}
	return consensus.FinishAdopt(conf)
}
