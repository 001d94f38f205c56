package vault

import (
	"errors"
	"fmt"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vectorfile"
)

// Stat gives the version and digest of an id's vector; ok is false if it has none.
func (x *Index) Stat(id string) (version uint64, digest [16]byte, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.table.get(id)
	if e == nil {
		return 0, digest, false
	}
	return e.version, e.digest, true
}

// found is a vector that Get gives: the vector itself, or the file it is to be read from.
type found struct {
	vector  *dense.Vector
	file    *vectorfile.File
	id      string
	version uint64
	offset  uint64
}

// Get gives the vectors of those ids that have one, in the order of ids, with values of length 1, all as of one
// moment. What a vector points to may be shared with the vault: read only. Errors: ErrClosed; ErrCorrupt, naming
// the document and the file, when a record is damaged.
func (x *Index) Get(ids []string) (vs []dense.Vector, err error) {
	places, held, err := x.find(ids)
	defer func() {
		for _, f := range held {
			err = errors.Join(err, f.Release())
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("get vectors: %w", err)
	}
	vs = make([]dense.Vector, 0, len(places))
	for i := range places {
		v, err := places[i].read()
		if err != nil {
			return nil, fmt.Errorf("get vectors: %w", err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// find looks up ids and acquires the files that their vectors are in.
func (x *Index) find(ids []string) (out []found, held []*vectorfile.File, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, nil, ErrClosed
	}
	holds := make([]bool, len(x.files))
	for _, id := range ids {
		e := x.table.get(id)
		if e == nil {
			continue
		}
		if e.at == 0 {
			out = append(out, found{vector: x.unflushed(id)})
			continue
		}
		n := e.at.file()
		if !holds[n] {
			holds[n] = true
			x.files[n].Acquire()
			held = append(held, x.files[n])
		}
		out = append(out, found{file: x.files[n], id: e.id, version: e.version, offset: e.at.offset()})
	}
	return out, held, nil
}

// unflushed gives the vector of an entry without a place.
func (x *Index) unflushed(id string) *dense.Vector {
	if v, ok := x.pending.changes[id]; ok {
		return v
	}
	return x.frozen.changes[id]
}

func (f *found) read() (dense.Vector, error) {
	if f.vector != nil {
		return *f.vector, nil
	}
	v, err := f.file.Vector(f.id, f.offset)
	if err != nil {
		return dense.Vector{}, err
	}
	if v.Version != f.version {
		return dense.Vector{}, fmt.Errorf("%w: %s has version %d of document %q, not %d",
			ErrCorrupt, f.file.Name(), v.Version, f.id, f.version)
	}
	return v, nil
}
