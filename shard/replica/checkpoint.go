package replica

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

// Checkpoint makes dir, which must not exist, a copy of this replica's indexes as of a log index, by hard
// links, and gives that index: what another replica is built or repaired from. It is as of what was applied when it
// was called, at least. All of it is verified, since what is damaged here is so there too: damage is an error, and
// fails this replica.
func (r *Replica) Checkpoint(ctx context.Context, dir string) (uint64, error) {
	if _, err := r.sparse.Flush(ctx); err != nil {
		return 0, fmt.Errorf("make checkpoint: %w", err)
	}
	if err := r.cfg.FS.MkdirAll(dir); err != nil {
		return 0, fmt.Errorf("make checkpoint: %w", err)
	}
	// The vectors are flushed before every manifest of the sparse index, so those taken after it are not
	// behind it.
	index, err := r.vectors.checkpoint(ctx, dir, func() (uint64, error) {
		return r.sparse.Checkpoint(ctx, filepath.Join(dir, sparseDir))
	})
	if err != nil {
		return 0, fmt.Errorf("make checkpoint: %w", err)
	}
	if err := r.cfg.FS.SyncDir(dir); err != nil {
		return 0, fmt.Errorf("sync checkpoint: %w", err)
	}
	if _, err := verifyFiles(ctx, r.cfg.FS, dir); err != nil {
		err = fmt.Errorf("verify checkpoint: %w", err)
		if Damaged(err) {
			r.fail(err)
		}
		return 0, err
	}
	return index, nil
}

// adopt puts files that were fetched from another replica in the place of this one's. Each step can be
// repeated, so that a stop between any two does no harm: the fetched directory goes last.
func (r *Replica) adopt() error {
	cfg := r.consensusConfig()
	adopted, err := consensus.Adopt(cfg)
	if err != nil || !adopted {
		return err
	}
	r.cfg.Logger.Info("taking over the files of another replica", "index", r.cfg.Name, "shard", r.cfg.Shard)
	names, err := r.adoptable(cfg.RestoreDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.adoptDir(filepath.Join(cfg.RestoreDir, name), filepath.Join(r.cfg.Dir, name)); err != nil {
			return fmt.Errorf("adopt %s index: %w", name, err)
		}
	}
	return consensus.FinishAdopt(cfg)
}

// adoptable names the directories that are taken over: those that were fetched. What the own ones have of other
// generations is removed when the state has been read.
func (r *Replica) adoptable(dir string) ([]string, error) {
	fetched, err := r.cfg.FS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list fetched files: %w", err)
	}
	names := []string{sparseDir}
	for _, name := range fetched {
		if isStore(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// adoptDir moves a fetched directory over an own one; one that is not there was moved already, or never was.
func (r *Replica) adoptDir(from, to string) error {
	there, err := vfs.HasDir(r.cfg.FS, from)
	if err != nil || !there {
		return err
	}
	if err := vfs.RemoveTree(r.cfg.FS, to); err != nil {
		return err
	}
	if err := r.cfg.FS.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(r.cfg.FS.SyncDir(r.cfg.Dir), r.cfg.FS.SyncDir(filepath.Dir(from)))
}
