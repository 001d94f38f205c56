package sparse

import (
	"context"
	"fmt"
	"path/filepath"

	"sagasu/internal/vfs"
)

// Checkpoint makes dir, which must not exist (fs.ErrExist), an index directory of its own as of the durable
// index, which it returns: Open there gives the documents, RecoveredState and Hash as they were then. Its
// segments are hard links, so it takes neither time nor space for their content where dir is on the same
// file system, and copies elsewhere. dir appears complete and durable, or not at all. Writes, flushes and
// merges go on meanwhile; what is to be in it must be flushed before. Errors: ErrClosed, also if Close is
// called meanwhile, the context's, the file system's; none of them harms the index.
func (x *Index) Checkpoint(ctx context.Context, dir string) (applied uint64, err error) {
	x.checkpointing.Lock()
	defer x.checkpointing.Unlock()
	held, err := x.holdDurable()
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	defer func() {
		for _, s := range held.segments {
			x.releasePart(s.part)
		}
	}()
	if err := vfs.NewDir(x.cfg.FS, dir, func(temp string) error { return x.copyTo(ctx, temp, held) }); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	return held.applied, nil
}

// holdDurable gives what the manifest on disk says, its segments held by references: a merge that replaces
// them removes their files only when these go.
func (x *Index) holdDurable() (manifest, error) {
	if err := x.work.failure(); err != nil {
		return manifest{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return manifest{}, ErrClosed
	}
	for _, s := range x.durable.segments {
		s.part.refs.Add(1)
	}
	return x.durable, nil
}

// copyTo puts the segments of a manifest into a directory, and the manifest after them.
func (x *Index) copyTo(ctx context.Context, dir string, m manifest) error {
	for _, s := range m.segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if x.work.stopping() {
			return ErrClosed
		}
		if err := x.cfg.FS.Link(s.part.file.Path(), filepath.Join(dir, segmentName(s.part.number))); err != nil {
			return fmt.Errorf("link segment: %w", err)
		}
	}
	return x.writeManifest(dir, m)
}
