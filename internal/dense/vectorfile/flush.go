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

// Plan says which file a flush writes.
type Plan struct {
	// First and Last are the flushes that the file will cover.
	First, Last uint64
	// Covered are the newest files, which it replaces: it needs a record for each of their ids too.
	Covered []*File
}

// Base tells that the file will cover everything: ids without a vector need no record.
func (p *Plan) Base() bool { return p.First == 1 }

// Plan plans a flush of changes to that many ids, after which that many vectors are there.
func (c *Chain) Plan(dirty, live int) Plan {
	keep := c.uncovered(dirty, live)
	p := Plan{First: 1, Last: 1, Covered: c.files[keep:]}
	if n := len(c.files); n > 0 {
		p.Last = c.files[n-1].Last + 1
		p.First = p.Last
	}
	if len(p.Covered) > 0 {
		p.First = p.Covered[0].First
	}
	return p
}

// uncovered gives the number of files that the next flush leaves alone; it covers those behind them.
func (c *Chain) uncovered(dirty, live int) int {
	if dirty+c.Records() > 2*live+MergeFloor {
		return 0
	}
	keep, records := len(c.files), dirty
	for keep > 0 {
		n := len(c.files[keep-1].IDs)
		tried := c.retry > 0 && c.files[keep-1].Last >= c.retry
		if n > mergeFactor*records && n >= MergeFloor && !tried {
			break
		}
		records += n
		keep--
	}
	return keep
}

// Source is where the records of a flush come from.
type Source struct {
	// Index is the log index of the state.
	Index uint64
	// IDs are the documents that the file has records of, without duplicates: those touched since the last
	// flush and those of the plan's covered files. The file keeps it.
	IDs []string
	// Append appends the payload of the record of IDs[i], see AppendVector and AppendDelete.
	Append func(dst []byte, i int) ([]byte, error)
}

// Write writes the plan's file, durably, and puts it into the chain in place of the covered ones, which the
// caller must Drop when it no longer needs them. It gives the offsets of the records. On an error the chain is
// as before, and the next plan covers the same flushes: the file may be there all the same.
func (c *Chain) Write(ctx context.Context, p Plan, s Source) (*File, []uint64, error) {
	if c.lock == nil {
		return nil, nil, ErrClosed
	}
	f := &File{First: p.First, Last: p.Last, IDs: s.IDs, version: formatVersion, dims: c.cfg.Dims}
	h := header{
		version: formatVersion, dims: c.cfg.Dims, first: p.First, last: p.Last,
		index: s.Index, records: uint64(len(s.IDs)),
	}
	offsets, err := c.writeFile(ctx, f, h, &s)
	if err == nil && c.cfg.Keep {
		err = c.mapFile(f)
	}
	if err != nil {
		c.retry = p.First
		return nil, nil, err
	}
	c.retry = 0
	kept := len(c.files) - len(p.Covered)
	c.files = append(append([]*File(nil), c.files[:kept]...), f)
	c.index = s.Index
	return f, offsets, nil
}

// Drop removes files that another one covers, and releases them.
func (c *Chain) Drop(covered []*File) error {
	var all []error
	for _, f := range covered {
		all = append(all, c.remove(f.Name()), f.Release())
	}
	return errors.Join(all...)
}

// writeFile writes a file under its final name, durably.
func (c *Chain) writeFile(ctx context.Context, f *File, h header, s *Source) ([]uint64, error) {
	path := filepath.Join(c.cfg.Dir, f.Name())
	tmp := path + tmpExt
	out, err := c.cfg.FS.Create(tmp)
	if err != nil {
		return nil, fmt.Errorf("create vector file: %w", err)
	}
	offsets, err := writeRecords(ctx, out, h, s)
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
	return offsets, nil
}

func writeRecords(ctx context.Context, out vfs.File, h header, s *Source) ([]uint64, error) {
	w := bufio.NewWriterSize(out, writeBuffer)
	if _, err := w.Write(h.encode()); err != nil {
		return nil, err
	}
	offsets := make([]uint64, 0, len(s.IDs))
	offset := uint64(headerSize)
	var buf []byte
	for i := range s.IDs {
		err := dense.ContextError(ctx)
		if err != nil {
			return nil, err
		}
		if buf, err = s.Append(append(buf[:0], make([]byte, frameSize)...), i); err != nil {
			return nil, err
		}
		payload := buf[frameSize:]
		if len(payload) > maxRecordBytes {
			return nil, fmt.Errorf("document %q: %w: its record has %d bytes", s.IDs[i], dense.ErrTooLarge, len(payload))
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
