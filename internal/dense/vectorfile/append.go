package vectorfile

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// Source is what a flush writes.
type Source struct {
	// Index is the log index of the state.
	Index uint64
	// Live is the number of vectors of the state.
	Live int
	// Records are the ids that changed since the last flush, without duplicates.
	Records []Change
	// Append appends the payload of the vector of Records[i]; see AppendVector.
	Append func(dst []byte, i int) []byte
	// Placed is told the file and the offsets of the records before the file can be merged; nil for none.
	Placed func(f *File, offsets []uint64)
}

// Change is what became of an id.
type Change struct {
	ID string
	// Deleted tells that it has no vector any more.
	Deleted bool
}

// Append writes a file of what changed, durably. It does not merge, so it takes as long as the changes are large.
// On an error the chain is as before, but its file may be there all the same: the next one takes its place, and
// must have at least its changes. Only one call may run at a time. Errors: ErrClosed, the context's, the file
// system's, dense.ErrTooLarge; ErrCorrupt if a merge found damage.
func (c *Chain) Append(ctx context.Context, s Source) error {
	first, base, err := c.next()
	if err != nil {
		return err
	}
	f := c.newFile(first, first)
	// Nothing before the first file needs a delete.
	which := make([]int, 0, len(s.Records))
	f.ids = make([]string, 0, len(s.Records))
	for i, r := range s.Records {
		if !r.Deleted || !base {
			f.add(r.ID, r.Deleted)
			which = append(which, i)
		}
	}
	offsets, err := c.write(ctx, f, s.Index, func(dst []byte, i int) ([]byte, error) {
		if r := &s.Records[which[i]]; r.Deleted {
			return AppendDelete(dst, r.ID), nil
		}
		return s.Append(dst, which[i]), nil
	})
	if err != nil {
		return err
	}
	if s.Placed != nil {
		all := make([]uint64, len(s.Records))
		for n, i := range which {
			all[i] = offsets[n]
		}
		s.Placed(f, all)
	}
	c.mu.Lock()
	c.files = append(c.files[:len(c.files):len(c.files)], f)
	c.index, c.live = s.Index, s.Live
	c.mu.Unlock()
	c.poke()
	return nil
}

// next gives the number of the next flush, and whether there is no file yet.
func (c *Chain) next() (number uint64, base bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := len(c.files); {
	case c.lock == nil:
		return 0, false, ErrClosed
	case c.damage != nil:
		return 0, false, c.damage
	case n > 0:
		return c.files[n-1].Last + 1, false, nil
	}
	return 1, true, nil
}

// write writes a file whose records are known, under its final name, durably, and maps it if the chain keeps its
// files mapped. It gives the offsets of the records, whose payloads come from appendTo in order.
func (c *Chain) write(
	ctx context.Context, f *File, index uint64, appendTo func(dst []byte, i int) ([]byte, error),
) ([]uint64, error) {
	h := header{
		version: f.version, dims: f.dims, first: f.First, last: f.Last, index: index, records: uint64(len(f.ids)),
	}
	path := filepath.Join(c.cfg.Dir, f.Name())
	tmp := path + tmpExt
	out, err := c.cfg.FS.Create(tmp)
	if err != nil {
		return nil, fmt.Errorf("create vector file: %w", err)
	}
	offsets, err := writeRecords(ctx, out, h, f.ids, appendTo)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("write vector file %s: %w", tmp, err), c.cfg.FS.Remove(tmp))
	}
	if err := c.cfg.FS.Rename(tmp, path); err != nil {
		return nil, fmt.Errorf("rename vector file: %w", err)
	}
	if err := c.cfg.FS.SyncDir(c.cfg.Dir); err != nil {
		return nil, fmt.Errorf("sync vector directory: %w", err)
	}
	f.index = index
	if c.cfg.Keep {
		if err := c.mapFile(f); err != nil {
			return nil, fmt.Errorf("map vector file: %w", err)
		}
	}
	return offsets, nil
}

func writeRecords(
	ctx context.Context, out vfs.File, h header, ids []string, appendTo func(dst []byte, i int) ([]byte, error),
) ([]uint64, error) {
	w := bufio.NewWriterSize(out, writeBuffer)
	if _, err := w.Write(h.encode()); err != nil {
		return nil, err
	}
	offsets := make([]uint64, 0, len(ids))
	offset := uint64(headerSize)
	var buf []byte
	for i := range ids {
		err := dense.ContextError(ctx)
		if err != nil {
			return nil, err
		}
		if buf, err = appendTo(append(buf[:0], make([]byte, frameSize)...), i); err != nil {
			return nil, err
		}
		payload := buf[frameSize:]
		if len(payload) > maxRecordBytes {
			return nil, fmt.Errorf("document %q: %w: its record has %d bytes", ids[i], dense.ErrTooLarge, len(payload))
		}
		binary.LittleEndian.PutUint32(buf, uint32(len(payload)))
		binary.LittleEndian.PutUint32(buf[4:], castagnoli(payload))
		if _, err := w.Write(buf); err != nil {
			return nil, err
		}
		offsets = append(offsets, offset)
		offset += uint64(len(buf))
	}
	return offsets, w.Flush()
}
