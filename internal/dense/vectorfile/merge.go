package vectorfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sagasu/internal/vfs"
)

// Merge tells where a merge put the records of the files that it covers.
type Merge struct {
	// File takes the place of Covered.
	File    *File
	Covered []*File
	// Moves are its records, by their order.
	Moves []Move
}

// Move is the way of a record from one file to another.
type Move struct {
	ID string
	// Source is the number of its former file in Covered.
	Source int
	// From and To are its offsets there and in the new file.
	From, To uint64
}

// run merges in the background whenever there may be something to merge.
func (c *Chain) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if err := c.Merge(ctx); err != nil && ctx.Err() == nil {
			// The next flush tries again, or says what is damaged.
			c.cfg.Logger.Warn("vector files could not be merged", "dir", c.cfg.Dir, "error", err)
		}
	}
}

func (c *Chain) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Merge merges files until that is no longer worth it; for a chain that does not do so by itself. An error leaves
// the chain as it was before the merge that failed; after ErrCorrupt no flush succeeds any more.
func (c *Chain) Merge(ctx context.Context) error {
	for {
		covered := c.plan()
		if len(covered) < 2 {
			return nil
		}
		out := c.newFile(covered[0].First, covered[len(covered)-1].Last)
		if err := c.merge(ctx, covered, out); err != nil {
			c.failed(out, err)
			return fmt.Errorf("merge vector files %s to %s: %w", covered[0].Name(), covered[len(covered)-1].Name(), err)
		}
	}
}

// plan gives the files that the next merge covers.
func (c *Chain) plan() []*File {
	c.mu.Lock()
	defer c.mu.Unlock()
	records, forced := make([]int, len(c.files)), len(c.files)
	for i, f := range c.files {
		records[i] = len(f.ids)
		for _, first := range c.stale {
			if f.Last >= first {
				forced = min(forced, i)
			}
		}
	}
	return c.files[uncovered(records, c.live, forced):]
}

func (c *Chain) failed(out *File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale[out.Name()] = out.First
	if errors.Is(err, ErrCorrupt) {
		c.damage = err
	}
}

// merge writes the newest record of every id of the files into another, which takes their place.
func (c *Chain) merge(ctx context.Context, covered []*File, out *File) (err error) {
	newest := covered[len(covered)-1]
	picks := pick(covered, out)
	cursors := make([]cursor, len(covered))
	defer func() {
		for i := range cursors {
			err = errors.Join(err, cursors[i].close())
		}
	}()
	for i, f := range covered {
		if cursors[i], err = c.cursor(f); err != nil {
			return err
		}
	}
	moves := make([]Move, len(picks))
	offsets, err := c.write(ctx, out, newest.index, func(dst []byte, i int) ([]byte, error) {
		p := picks[i]
		payload, offset, err := cursors[p.source].seek(p.number)
		if err != nil {
			return dst, err
		}
		moves[i] = Move{ID: out.ids[i], Source: p.source, From: offset}
		return covered[p.source].upgrade(dst, payload)
	})
	if err != nil {
		return err
	}
	for i := range moves {
		moves[i].To = offsets[i]
	}
	if c.cfg.Merged != nil {
		c.cfg.Merged(Merge{File: out, Covered: covered, Moves: moves})
	}
	c.replace(covered, out)
	return nil
}

// picked is a record of a merged file: its file and its number there.
type picked struct{ source, number int }

// pick gives the records that a merge keeps, file by file, and adds them to its file.
func pick(covered []*File, out *File) []picked {
	base := out.First == 1
	seen := map[string]struct{}{}
	keep, kept := make([][]int, len(covered)), 0
	for i := len(covered) - 1; i >= 0; i-- {
		f := covered[i]
		for n, id := range f.ids {
			if _, ok := seen[id]; ok {
				continue
			}
			if i > 0 {
				seen[id] = struct{}{}
			}
			if !base || !f.isDelete(n) {
				keep[i] = append(keep[i], n)
				kept++
			}
		}
	}
	picks := make([]picked, 0, kept)
	out.ids = make([]string, 0, kept)
	for i, f := range covered {
		for _, n := range keep[i] {
			out.add(f.ids[n], f.isDelete(n))
			picks = append(picks, picked{source: i, number: n})
		}
	}
	return picks
}

// replace puts the merged file into the chain and removes the others.
func (c *Chain) replace(covered []*File, out *File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var files []*File
	for _, f := range c.files {
		switch {
		case f == covered[0]:
			files = append(files, out)
		case f.First < out.First || f.First > out.Last:
			files = append(files, f)
		}
	}
	c.files = files
	var all []error
	for _, f := range covered {
		all = append(all, c.remove(f.Name()), f.Release())
	}
	delete(c.stale, out.Name())
	for name := range c.stale {
		if err := c.remove(name); !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	clear(c.stale)
	if err := errors.Join(all...); err != nil {
		c.cfg.Logger.Warn("merged vector files stay until the next start", "dir", c.cfg.Dir, "error", err)
	}
}

// cursor reads the records of a file one after the other.
type cursor struct {
	data    []byte
	offset  uint64
	number  int
	name    string
	mapping vfs.Mapping
}

func (c *Chain) cursor(f *File) (cursor, error) {
	cur := cursor{offset: headerSize, name: f.Name()}
	if f.mapping != nil {
		cur.data = f.mapping.Bytes()
		return cur, nil
	}
	mapping, err := c.cfg.FS.Map(filepath.Join(c.cfg.Dir, f.Name()))
	if err != nil {
		return cur, fmt.Errorf("map vector file: %w", err)
	}
	cur.data, cur.mapping = mapping.Bytes(), mapping
	return cur, nil
}

// seek gives the payload and the offset of a record that comes after the one it gave last.
func (c *cursor) seek(number int) (payload []byte, offset uint64, err error) {
	for {
		payload, err := frame(c.data, c.offset)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: record at byte %d of %s: %w", ErrCorrupt, c.offset, c.name, err)
		}
		offset, at := c.offset, c.number
		c.offset += frameSize + uint64(len(payload))
		c.number++
		if at == number {
			return payload, offset, nil
		}
	}
}

func (c *cursor) close() error {
	if c.mapping == nil {
		return nil
	}
	return c.mapping.Close()
}
