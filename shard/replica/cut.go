package replica

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

// Cut is a copy of a replica's indexes.
type Cut struct {
	// Index is the log index that all of it is of: documents, vectors and what the workers have done.
	Index uint64
	// Documents counts those that can be found.
	Documents int
	// Told is whether a ledger had been told of documents; up to the document version Version, and of deletes up to the
	// log index Deletes.
	Told             bool
	Version, Deletes uint64
}

// cutTries is how often a cut is tried while vectors are flushed beside it, which happens every some megabytes.
const cutTries = 10

// Cut makes dir, which must not exist, a copy of this replica's indexes by hard links, as Checkpoint does, but such that
// another group may begin with it: nothing in it is of later than its index, whose entries will be others there. It
// is as of what was applied when it was called, at least, and verified.
func (r *Replica) Cut(ctx context.Context, dir string) (Cut, error) {
	for range cutTries {
		cut, even, err := r.cut(ctx, dir)
		if err != nil {
			return Cut{}, fmt.Errorf("cut replica: %w", err)
		}
		if even {
			return cut, r.verifyCut(ctx, dir)
		}
		if err := vfs.RemoveTree(r.cfg.FS, dir); err != nil {
			return Cut{}, fmt.Errorf("cut replica: %w", err)
		}
	}
	return Cut{}, fmt.Errorf("cut replica: %w: vectors were written each of %d times", api.ErrUnavailable, cutTries)
}

// cut is one try; false if vectors are of a later index than documents.
func (r *Replica) cut(ctx context.Context, dir string) (c Cut, even bool, err error) {
	if _, err := r.sparse.Flush(ctx); err != nil {
		return c, false, err
	}
	if err := r.cfg.FS.MkdirAll(dir); err != nil {
		return c, false, err
	}
	told, began := r.state.consumer(catalogName)
	c.Told, c.Version, c.Deletes = began, told.version, told.deletes
	if c.Documents, err = r.Count(ctx, nil); err != nil {
		return c, false, err
	}
	c.Index, even, err = r.vectors.cut(ctx, dir, func() (uint64, error) {
		return r.sparse.Checkpoint(ctx, filepath.Join(dir, sparseDir))
	})
	if err != nil {
		return c, false, err
	}
	return c, even, r.cfg.FS.SyncDir(dir)
}

// cut is checkpoint, but tells whether all stores are at the index of the documents.
func (v *vectors) cut(ctx context.Context, dir string, documents func() (uint64, error)) (uint64, bool, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	index, err := documents()
	if err != nil {
		return 0, false, err
	}
	even := true
	for generation, s := range v.stores {
		// One that was dropped may be needed by the manifest, though what is in it is not.
		if s.born > index {
			continue
		}
		at, err := s.Checkpoint(ctx, v.path(dir, generation))
		if err != nil {
			return 0, false, fmt.Errorf("copy vectors of generation %d: %w", generation, err)
		}
		even = even && (at == index || s.ended != 0)
	}
	return index, even, nil
}

// verifyCut reads all that was copied, since what is damaged here is so there too: damage fails this replica.
func (r *Replica) verifyCut(ctx context.Context, dir string) error {
	if _, err := verifyFiles(ctx, r.cfg.FS, dir); err != nil {
		err = fmt.Errorf("verify cut: %w", err)
		if Damaged(err) {
			r.fail(err)
		}
		return err
	}
	return nil
}

// Seed makes files of a Cut, in from, what the replica of cfg begins with when it is opened next: as the only member of
// a group that is new, whose log goes on behind index. The directory from must be on the same file system; it is gone
// afterwards, as a whole. The replica must not be open and must have no files yet.
func Seed(cfg Config, from string, index uint64) error {
	if err := consensus.Seed(from, index, []string{cfg.Node}); err != nil {
		return fmt.Errorf("seed replica: %w", err)
	}
	if err := cfg.FS.Rename(from, filepath.Join(cfg.Dir, restoredDir)); err != nil {
		return fmt.Errorf("seed replica: %w", err)
	}
	return errors.Join(cfg.FS.SyncDir(cfg.Dir), cfg.FS.SyncDir(filepath.Dir(from)))
}

// Seeded reports whether a replica's directory has files of a Seed, or a log.
func Seeded(cfg Config) (bool, error) {
	for _, name := range []string{restoredDir, LogDir} {
		there, err := vfs.HasDir(cfg.FS, filepath.Join(cfg.Dir, name))
		if err != nil || there {
			return there, err
		}
	}
	return false, nil
}
