package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Root is where files are looked for: a directory, or one file.
type Root struct {
	// FS is the directory, or that of the file.
	FS fs.FS
	// Path is what people call it.
	Path string
	// File is the name of the one file in FS, "" for the whole directory.
	File string
}

// OpenRoot gives the root of a path.
func OpenRoot(name string) (Root, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Root{}, fmt.Errorf("open root: %w", err)
	}
	if info.IsDir() {
		return Root{FS: os.DirFS(name), Path: filepath.ToSlash(filepath.Clean(name))}, nil
	}
	dir, file := filepath.Split(filepath.Clean(name))
	if dir == "" {
		dir = "."
	}
	return Root{FS: os.DirFS(dir), Path: filepath.ToSlash(filepath.Clean(dir)), File: file}, nil
}

// File is a file that holds documents.
type File struct {
	// Path is what people call it.
	Path string
	// ID is its path under the root, with slashes; where there are several roots, after the name of the root. It is
	// the id of the one document in it, and the beginning of those of many.
	ID      string
	Kind    Kind
	Size    int64
	ModTime time.Time

	fsys fs.FS
	name string
}

// Fault is what is wrong with a file or a directory that was found.
type Fault struct {
	Path string
	Err  error
}

// Find lists the files under the roots, by root and then by path. Hidden files and directories are passed over, and so
// are links to directories and files of other kinds, but for a file that is a root itself. A file that two roots have,
// or a directory that can't be read, is a fault, and the rest is listed. The error is that of ctx.
func Find(ctx context.Context, roots []Root, opts *Options) (files []*File, faults []Fault, err error) {
	seen := map[string]string{}
	for _, root := range roots {
		prefix := ""
		if len(roots) > 1 && root.File == "" {
			prefix = path.Base(root.Path) + "/"
		}
		f := finder{ctx: ctx, root: root, prefix: prefix, opts: opts}
		if err := fs.WalkDir(root.FS, f.start(), f.visit); err != nil {
			return nil, nil, fmt.Errorf("look for files: %w", err)
		}
		for _, file := range f.files {
			if other, taken := seen[file.ID]; taken {
				f.faults = append(f.faults, Fault{file.Path, fmt.Errorf("%w: has the id %q, as %s has", ErrFormat, file.ID, other)})
				continue
			}
			seen[file.ID] = file.Path
			files = append(files, file)
		}
		faults = append(faults, f.faults...)
	}
	return files, faults, nil
}

// finder lists the files of one root.
type finder struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one walk
	root   Root
	prefix string
	opts   *Options
	files  []*File
	faults []Fault
}

func (f *finder) start() string {
	if f.root.File != "" {
		return f.root.File
	}
	return "."
}

func (f *finder) visit(name string, entry fs.DirEntry, err error) error {
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	told := path.Join(f.root.Path, name)
	if err != nil {
		f.faults = append(f.faults, Fault{told, err})
		if entry != nil && entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	alone := f.root.File != ""
	hidden := strings.HasPrefix(path.Base(name), ".") && name != "." && !alone
	switch {
	case entry.IsDir() && (hidden || strings.Count(name, "/") >= maxDepth):
		return fs.SkipDir
	case entry.IsDir() || hidden:
		return nil
	}
	kind, known := kindOf(name)
	if !known {
		if alone {
			f.faults = append(f.faults, Fault{told, fmt.Errorf("%w: is no .txt, .md, .html, .jsonl, .csv or .tsv", ErrFormat)})
		}
		return nil
	}
	if !alone && !matches(f.opts.Globs, name) {
		return nil
	}
	f.take(name, told, kind)
	return nil
}

// take lists a file, unless it is gone since, a link to nothing, or one to a directory.
func (f *finder) take(name, told string, kind Kind) {
	info, err := fs.Stat(f.root.FS, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		f.faults = append(f.faults, Fault{told, err})
	case info.Mode().IsRegular():
		f.files = append(f.files, &File{
			Path: told, ID: f.prefix + name, Kind: kind, Size: info.Size(), ModTime: info.ModTime(),
			fsys: f.root.FS, name: name,
		})
	}
}

// Kinds gives the kinds of files, each once, by name.
func Kinds(files []*File) []Kind {
	var kinds []Kind
	for _, f := range files {
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
