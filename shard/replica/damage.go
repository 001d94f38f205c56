package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"sagasu/internal/consensus"
	"sagasu/internal/dense/vectorfile"
	"sagasu/internal/vfs"
	"sagasu/sparse"
)

// Damaged tells whether an error of Open, or of a replica that failed, says that files of its indexes rotted or are
// gone, so that Repair is to replace them. A damaged log is another matter: nobody else knows what this replica has
// acknowledged, and whom it gave its vote.
func Damaged(err error) bool {
	if sparse.Damaged(err) {
		return true
	}
	for _, known := range []error{
		vectorfile.ErrCorrupt, consensus.ErrStateBehind, fs.ErrNotExist, syscall.EIO,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// refuseLost refuses a sparse index that has lost its manifest: opened, it would be empty, and what is left of it
// removed. Where the log still has everything that is as good a beginning as any.
func (r *Replica) refuseLost() error {
	needs, err := consensus.Needs(r.consensusConfig())
	if err != nil || needs == 0 {
		return err
	}
	dir := filepath.Join(r.cfg.Dir, sparseDir)
	has, err := sparse.HasManifest(r.cfg.FS, dir)
	if err != nil || has {
		return err
	}
	return fmt.Errorf("%w: %s has no manifest, and the log begins behind entry %d", sparse.ErrCorrupt, dir, needs)
}

// unpaced lets the bytes pass that are read to verify files.
func unpaced(int) error { return nil }

// verifyFiles checks the indexes in a directory like a replica's that nobody has open, and gives the log index of the
// documents. Errors name file and section.
func verifyFiles(ctx context.Context, fsys vfs.FS, dir string) (uint64, error) {
	applied, err := sparse.VerifyDir(ctx, fsys, filepath.Join(dir, sparseDir), unpaced)
	if err != nil {
		return 0, err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return 0, fmt.Errorf("list files of a replica: %w", err)
	}
	for _, name := range names {
		if !isStore(name) {
			continue
		}
		if _, err := vectorfile.VerifyDir(ctx, fsys, filepath.Join(dir, name), unpaced); err != nil {
			return 0, err
		}
	}
	return applied, nil
}

// sift removes from the files that a repair set aside those that are whole: what is wrong with the others may be of
// interest to somebody, and they take less room. It reads by the pace of scrubbing.
func (r *Replica) sift(ctx context.Context) {
	aside := filepath.Join(r.cfg.Dir, DamagedDir)
	parts, err := r.cfg.FS.List(aside)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	kept, removed := 0, 0
	for _, part := range parts {
		k, n, partErr := r.siftPart(ctx, filepath.Join(aside, part), part)
		kept, removed, err = kept+k, removed+n, errors.Join(err, partErr)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.cfg.Logger.Warn("files that a repair set aside can't be looked through", "index", r.cfg.Name,
			"shard", r.cfg.Shard, "dir", aside, "error", err)
	case removed > 0:
		r.cfg.Logger.Info("damaged files are kept", "index", r.cfg.Name, "shard", r.cfg.Shard, "dir", aside,
			"damaged", kept, "whole", removed)
	}
}

// siftPart sifts one index; removed are those that were whole.
func (r *Replica) siftPart(ctx context.Context, dir, part string) (kept, removed int, err error) {
	names, err := r.cfg.FS.List(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, name := range names {
		verify := sparse.VerifyFile
		switch {
		case isStore(part) && strings.HasSuffix(name, vectorSuffix):
			verify = vectorfile.VerifyFile
		case part != sparseDir || !strings.HasSuffix(name, segmentSuffix):
			continue
		}
		path := filepath.Join(dir, name)
		err := verify(ctx, r.cfg.FS, path, func(bytes int) error { return r.scrubPace(ctx, bytes) })
		switch {
		case ctx.Err() != nil:
			return kept, removed, ctx.Err()
		case err != nil:
			kept++
			continue
		}
		if err := r.cfg.FS.Remove(path); err != nil {
			return kept, removed, err
		}
		removed++
	}
	return kept, removed, nil
}
