package sparse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

// VerifyDir reads an index directory that nobody has open, its manifest and every segment that this names, and verifies
// all checksums, as Scrub does. It gives the durable index, 0 for a directory without a manifest, which must have no
// segments either. Errors are those of Open, each naming file and section.
func VerifyDir(ctx context.Context, fsys vfs.FS, dir string, pace func(bytes int) error) (applied uint64, err error) {
	path := filepath.Join(dir, manifestName)
	data, err := fsys.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		names, err := fsys.List(dir)
		if i := slices.IndexFunc(names, isSegmentName); err == nil && i >= 0 {
			err = fmt.Errorf("%w: %s has segments (%s) and no %s", ErrCorrupt, dir, names[i], manifestName)
		}
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	body, err := parseManifest(data)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	for _, s := range body.Segments {
		if err := segment.VerifyFile(ctx, fsys, filepath.Join(dir, segmentName(s.Number)), pace); err != nil {
			return 0, err
		}
	}
	return body.Applied, nil
}

// VerifyFile verifies a manifest or a segment that nobody has open, whichever it is by its name; fs.ErrInvalid for other
// files, which have no checksum. See VerifyDir.
func VerifyFile(ctx context.Context, fsys vfs.FS, path string, pace func(bytes int) error) error {
	switch name := filepath.Base(path); {
	case isSegmentName(name):
		return segment.VerifyFile(ctx, fsys, path, pace)
	case name != manifestName:
		return fmt.Errorf("verify %s: %w", path, fs.ErrInvalid)
	}
	data, err := fsys.ReadFile(path)
	if err == nil {
		_, err = parseManifest(data)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// HasManifest tells whether a directory has an index that was made durable once.
func HasManifest(fsys vfs.FS, dir string) (bool, error) {
	names, err := fsys.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("list index directory: %w", err)
	}
	return slices.Contains(names, manifestName), nil
}
