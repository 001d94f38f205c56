package vectorfile

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// File is a file of a chain. It is never changed.
type File struct {
	// First and Last are the first and the last flush that it covers.
	First, Last uint64
	// ids are those of its records, in order; deletes are the numbers of those that are deletes, ascending.
	ids     []string
	deletes []int
	index   uint64

	version uint32
	dims    int
	// mapping is nil in a chain that does not keep its files mapped.
	mapping vfs.Mapping
	// readers counts those that hold the mapping, the chain among them.
	readers atomic.Int64
}

// Name is the file's name in the directory.
func (f *File) Name() string { return fileName(f.First, f.Last) }

// Acquire keeps the file mapped until Release. The caller knows that the chain, or another reader, holds it.
func (f *File) Acquire() { f.readers.Add(1) }

// Release lets go of the file and unmaps it if nobody else holds it.
func (f *File) Release() error {
	if f.readers.Add(-1) > 0 || f.mapping == nil {
		return nil
	}
	if err := f.mapping.Close(); err != nil {
		return fmt.Errorf("unmap %s: %w", f.Name(), err)
	}
	return nil
}

// Vector reads the vector of the id from the record at an offset; the caller holds the file. Another record
// or a damaged one is ErrCorrupt, naming the file.
func (f *File) Vector(id string, offset uint64) (dense.Vector, error) {
	payload, err := frame(f.mapping.Bytes(), offset)
	if err != nil {
		return dense.Vector{}, f.damage(id, offset, err)
	}
	r, err := decodeRecord(payload, f.version, f.dims, nil)
	if err == nil && (r.Deleted || r.Vector.ID != id) {
		err = errors.New("it is another record")
	}
	if err != nil {
		return dense.Vector{}, f.damage(id, offset, err)
	}
	return r.Vector, nil
}

// upgrade appends the payload of a record in the version that is written now.
func (f *File) upgrade(dst, payload []byte) ([]byte, error) {
	if f.version == formatVersion {
		return append(dst, payload...), nil
	}
	r, err := decodeRecord(payload, f.version, f.dims, nil)
	switch {
	case err != nil:
		return dst, fmt.Errorf("%w: record of %s: %w", ErrCorrupt, f.Name(), err)
	case r.Deleted:
		return AppendDelete(dst, r.Vector.ID), nil
	}
	return AppendVector(dst, &r.Vector), nil
}

// add takes note of the next record.
func (f *File) add(id string, deleted bool) {
	if deleted {
		f.deletes = append(f.deletes, len(f.ids))
	}
	f.ids = append(f.ids, id)
}

// isDelete reports whether a record is a delete.
func (f *File) isDelete(number int) bool {
	_, ok := slices.BinarySearch(f.deletes, number)
	return ok
}

func (f *File) damage(id string, offset uint64, err error) error {
	return fmt.Errorf("read vector of %q: %w: record at byte %d of %s: %w", id, ErrCorrupt, offset, f.Name(), err)
}
