package sparse

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/sparse/segment"
)

// Scrub reads once more what the durable index consists of, its manifest and every segment, and verifies all
// checksums: files may rot after Open verified them. It can run beside everything else and holds up neither writes
// nor searches, and segments that are merged away meanwhile stay until it is done with them. pace is called with
// the number of bytes before they are read, and may wait; its error ends Scrub. Damage (ErrCorrupt or
// segment.ErrCorrupt, naming file and section) fails the index, as Failed and Err tell: it must not go on to merge
// what is damaged into new segments with good checksums. Other errors, ErrClosed and the context's among them, do
// it no harm.
func (x *Index) Scrub(ctx context.Context, pace func(bytes int) error) error {
	held, err := x.holdDurable()
	if err != nil {
		return fmt.Errorf("scrub index: %w", err)
	}
	defer func() {
		for _, s := range held.segments {
			x.releasePart(s.part)
		}
	}()
	err = x.scrub(ctx, held, pace)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("scrub index: %w", err)
	x.failIfDamaged(err)
	return err
}

// Damaged tells whether an error of this package says that a file is damaged, and not that it can't be read now.
func Damaged(err error) bool { return errors.Is(err, segment.ErrCorrupt) || errors.Is(err, ErrCorrupt) }

// failIfDamaged fails the index when an error says that a file of it is damaged.
func (x *Index) failIfDamaged(err error) {
	if Damaged(err) {
		x.work.fail(err)
	}
}

func (x *Index) scrub(ctx context.Context, held manifest, pace func(bytes int) error) error {
	if held.version > 0 || len(held.segments) > 0 {
		if err := x.scrubManifest(pace); err != nil {
			return err
		}
	}
	for _, s := range held.segments {
		if x.work.stopping() {
			return ErrClosed
		}
		if err := s.part.file.Verify(ctx, pace); err != nil {
			return err
		}
	}
	return nil
}

// scrubManifest reads the manifest that a start would read now; it is replaced as a whole, never changed.
func (x *Index) scrubManifest(pace func(bytes int) error) error {
	path := filepath.Join(x.cfg.Dir, manifestName)
	data, err := x.cfg.FS.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	if err := pace(len(data)); err != nil {
		return err
	}
	if _, err := parseManifest(data); err != nil {
		if errors.Is(err, ErrNewerFormat) {
			// This very build wrote or read it: its version is what rotted.
			return fmt.Errorf("read %s: %w: version of the manifest", path, ErrCorrupt)
		}
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
