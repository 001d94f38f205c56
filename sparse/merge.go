package sparse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"sagasu/sparse/mergeplan"
	"sagasu/sparse/segment"
)

// mergeAll merges until the plan is content, one caller at a time: two would merge the same segments.
func (x *Index) mergeAll(w *background) error {
	x.merging.Lock()
	defer x.merging.Unlock()
	for {
		select {
		case <-w.quit:
			return nil
		default:
		}
		chosen := x.chooseMerge()
		if chosen == nil {
			return nil
		}
		if err := x.merge(chosen); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
}

// chooseMerge gives the durable segments to merge, each held by a reference.
func (x *Index) chooseMerge() []durableSegment {
	x.mu.Lock()
	defer x.mu.Unlock()
	sizes := make([]mergeplan.Segment, len(x.durable.segments))
	for i, s := range x.durable.segments {
		sizes[i] = mergeplan.Segment{Bytes: s.part.file.Size(), Docs: int(s.part.file.NumDocs())}
		if s.deleted != nil {
			sizes[i].Deleted = int(s.deleted.GetCardinality())
		}
	}
	var chosen []durableSegment
	for _, i := range mergeplan.Default().Next(sizes) {
		x.durable.segments[i].part.refs.Add(1)
		chosen = append(chosen, x.durable.segments[i])
	}
	return chosen
}

// merge writes the segments as one and puts it in their place.
func (x *Index) merge(chosen []durableSegment) error {
	defer func() {
		for _, s := range chosen {
			x.releasePart(s.part)
		}
	}()
	inputs := make([]segment.Input, len(chosen))
	parts := make([]*part, len(chosen))
	docs := 0
	for i, s := range chosen {
		inputs[i] = segment.Input{Source: s.part.file, Drop: s.deleted}
		parts[i] = s.part
		docs += int(s.part.file.NumDocs())
		if s.deleted != nil {
			docs -= int(s.deleted.GetCardinality())
		}
	}
	var written *part
	maps := make([][]uint32, len(chosen))
	if docs > 0 {
		var err error
		t := x.cfg.Courtesy.begin(x.work.ctx)
		t.stops, t.hurry = true, func() bool { return x.segments.Load() >= hurrySegments }
		written, maps, err = x.build(t, t.fs(x.cfg.FS), inputs)
		t.done()
		if err := errors.Join(x.verify(chosen), err); err != nil {
			return errors.Join(err, x.discard(written))
		}
	}
	if err := x.commitMerge(parts, maps, written); err != nil {
		return err
	}
	x.cfg.Logger.Debug("merged segments", slog.Int("segments", len(chosen)), slog.Int("documents", docs))
	return nil
}

// verify checks segments that were just read: what rotted since it was opened must not get checksums that say it is
// whole.
func (x *Index) verify(chosen []durableSegment) error {
	for _, s := range chosen {
		// What is merged is put to use even if the index is being closed.
		if err := s.part.file.Verify(context.Background(), func(int) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// discard lets go of a new segment, which may be nil, and removes its file.
func (x *Index) discard(p *part) error {
	if p == nil {
		return nil
	}
	path := p.file.Path()
	return errors.Join(p.file.Close(), x.cfg.FS.Remove(path))
}

func (x *Index) commitMerge(old []*part, maps [][]uint32, written *part) error {
	x.commit.Lock()
	defer x.commit.Unlock()
	next := manifest{applied: x.durable.applied, version: x.durable.version, state: x.durable.state}
	stand := durableSegment{part: written}
	for _, s := range x.durable.segments {
		replaced := false
		for i, p := range old {
			if s.part == p {
				stand.deleted = carry(stand.deleted, s.deleted, maps[i])
				replaced = true
			}
		}
		if !replaced {
			next.segments = append(next.segments, s)
		}
	}
	if written != nil {
		next.segments = append(next.segments, stand)
	}
	if err := x.writeManifest(x.cfg.Dir, next); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.durable = next
	x.segments.Store(int64(len(next.segments)))
	for _, p := range old {
		p.remove.Store(true)
	}
	x.replace(old, maps, written)
	return nil
}
