package flat

import (
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"sagasu/internal/dense"
)

// recover locks the directory, removes what a crash left and reads the chain.
func (x *Index) recover() (err error) {
	fs, dir := x.cfg.FS, x.cfg.Dir
	if err := fs.MkdirAll(dir); err != nil {
		return err
	}
	lock, err := fs.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	files, covered := chain(names)
	if err := contiguous(files); err != nil {
		return err
	}
	for i := range files {
		if err := x.load(&files[i]); err != nil {
			return fmt.Errorf("read %s: %w", fileName(files[i].first, files[i].last), err)
		}
	}
	if err := x.remove(covered); err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tmpExt) {
			if err := fs.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("remove unfinished file: %w", err)
			}
		}
	}
	x.files, x.lock = files, lock
	x.durable.Store(x.applied)
	x.dirty = map[string]struct{}{}
	return nil
}

// chain gives the files that no other's range contains, ascending, and the others.
func chain(names []string) (files, covered []file) {
	var all []file
	for _, name := range names {
		if first, last, ok := parseFileName(name); ok {
			all = append(all, file{first: first, last: last})
		}
	}
	// Of files that begin alike the longest comes first, so a file is covered if one before reaches its end.
	sort.Slice(all, func(i, j int) bool {
		if all[i].first != all[j].first {
			return all[i].first < all[j].first
		}
		return all[i].last > all[j].last
	})
	var end uint64
	for _, f := range all {
		if f.last <= end {
			covered = append(covered, f)
			continue
		}
		files = append(files, f)
		end = f.last
	}
	return files, covered
}

// contiguous returns ErrCorrupt, naming the file, unless each one begins where the one before ended.
func contiguous(files []file) error {
	var end uint64
	for _, f := range files {
		if f.first != end+1 || f.last < f.first {
			return fmt.Errorf("%w: %s should begin with flush %d", ErrCorrupt, fileName(f.first, f.last), end+1)
		}
		end = f.last
	}
	return nil
}

// load applies a file to the index.
func (x *Index) load(f *file) (err error) {
	mapped, err := x.cfg.FS.Map(filepath.Join(x.cfg.Dir, fileName(f.first, f.last)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mapped.Close()) }()
	c := x.begin()
	h, err := decodeFile(mapped.Bytes(), x.cfg.Dims, func(kind byte, v *dense.Vector) error {
		f.ids = append(f.ids, v.ID)
		if old, ok := x.rows[v.ID]; ok {
			c.kill(old)
			delete(x.rows, v.ID)
		}
		if kind == recordVector {
			c.add(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if h.first != f.first || h.last != f.last || h.index < x.applied {
		return fmt.Errorf("%w: its header is that of %s at log index %d", ErrCorrupt, fileName(h.first, h.last), h.index)
	}
	c.publish()
	x.applied = h.index
	return nil
}
