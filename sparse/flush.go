package sparse

import (
	"fmt"
	"path/filepath"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

// flushJob is a frozen memory segment that waits to be written, and the state of everything else at the
// moment it was frozen.
type flushJob struct {
	part *part
	// bytes is the size of part in memory.
	bytes   int
	applied uint64
	version uint64
	state   []byte
	// drop are the deletions in part at that moment.
	drop *roaring.Bitmap
	// deleted are the deletions at that moment of every part, this one included; mu guards it, for a merge
	// that ends meanwhile renames parts in it.
	deleted map[*part]*roaring.Bitmap
}

// freeze makes the mutable segment a job and starts a new one. mu is held.
func (x *Index) freeze() {
	g := x.current.Load()
	job := &flushJob{
		part: x.active, bytes: x.active.mem.bytes, applied: x.applied, version: x.version,
		deleted: make(map[*part]*roaring.Bitmap, len(g.views)),
	}
	if x.cfg.State != nil {
		job.state = x.cfg.State()
	}
	next := &generation{live: g.live, digest: g.digest, version: g.version, stats: g.stats}
	for _, v := range g.views {
		job.deleted[v.part] = v.deleted
		if v.part != x.active || v.docs > 0 {
			next.views = append(next.views, v)
		}
	}
	job.drop = job.deleted[x.active]
	x.active = &part{mem: newMemory(x.fields)}
	next.views = append(next.views, newView(x.active, 0))
	x.pending = append(x.pending, job)
	x.publish(next)
	poke(x.work.flush)
}

// flushPending writes every pending job, oldest first.
func (x *Index) flushPending(w *background) error {
	for {
		x.mu.Lock()
		var job *flushJob
		if len(x.pending) > 0 {
			job = x.pending[0]
		}
		x.mu.Unlock()
		if job == nil {
			return nil
		}
		if err := x.flushJob(job); err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		w.advanced()
		poke(w.merge)
	}
}

func (x *Index) flushJob(job *flushJob) error {
	drop := job.drop
	var written *part
	var docs []uint32
	if total := job.part.mem.NumDocs(); total > 0 && (drop == nil || drop.GetCardinality() < uint64(total)) {
		t := x.cfg.Courtesy.begin(x.work.ctx)
		p, maps, err := x.build(t, x.cfg.FS, []segment.Input{{Source: job.part.mem, Drop: drop}})
		t.done()
		if err != nil {
			return err
		}
		written, docs = p, maps[0]
	}
	x.commit.Lock()
	defer x.commit.Unlock()
	x.mu.Lock()
	next := manifest{applied: job.applied, version: job.version, state: job.state}
	for _, s := range x.durable.segments {
		next.segments = append(next.segments, durableSegment{part: s.part, deleted: job.deleted[s.part]})
	}
	x.mu.Unlock()
	if written != nil {
		next.segments = append(next.segments, durableSegment{part: written})
	}
	if err := x.writeManifest(x.cfg.Dir, next); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.durable = next
	x.segments.Store(int64(len(next.segments)))
	x.pending = x.pending[1:]
	x.replace([]*part{job.part}, [][]uint32{docs}, written)
	x.durableAt.Store(job.applied)
	x.room.Broadcast()
	return nil
}

// build writes a segment file and opens it.
func (x *Index) build(t *turn, fs vfs.FS, inputs []segment.Input) (*part, [][]uint32, error) {
	number := x.nextFile.Add(1)
	path := filepath.Join(x.cfg.Dir, segmentName(number))
	plan := x.plan()
	plan.Pause = t.step
	maps, err := segment.Build(fs, path, plan, inputs)
	if err != nil {
		return nil, nil, err
	}
	if err := x.cfg.FS.SyncDir(x.cfg.Dir); err != nil {
		return nil, nil, fmt.Errorf("sync index directory %s: %w", x.cfg.Dir, err)
	}
	file, err := segment.Open(x.cfg.FS, path, x.fields.shapes)
	if err != nil {
		return nil, nil, err
	}
	return filePart(x.fields, file, number), maps, nil
}

// plan is how a segment is built at this moment.
func (x *Index) plan() segment.Plan {
	p := segment.Plan{
		Shapes: x.fields.shapes, Norms: make([]segment.Norm, len(x.fields.list)),
		Reorder: x.cfg.ReorderDocs, Abort: x.work.stopping,
	}
	stats := x.current.Load().stats
	for _, f := range x.fields.list {
		p.Norms[f.ordinal] = newScorer(f, stats[f.ordinal], 1).norm
	}
	return p
}

// replace publishes a generation in which written, which may be nil, stands for the old parts, and
// carries deletions that came meanwhile over, in the pending jobs too. mu is held.
func (x *Index) replace(old []*part, maps [][]uint32, written *part) {
	g := x.current.Load()
	next := &generation{live: g.live, digest: g.digest, version: g.version, stats: g.stats}
	place := make(map[*part]int, len(old))
	for i, p := range old {
		place[p] = i
	}
	var stand *view
	placed := false
	if written != nil {
		stand = newView(written, written.file.NumDocs())
	}
	for _, v := range g.views {
		i, replaced := place[v.part]
		if !replaced {
			next.views = append(next.views, v)
			continue
		}
		if stand == nil {
			continue
		}
		if !placed {
			next.views = append(next.views, stand)
			placed = true
		}
		stand.deleted = carry(stand.deleted, v.deleted, maps[i])
	}
	if stand != nil {
		stand.gone = stand.deleted.ToArray()
	}
	for _, job := range x.pending {
		var moved *roaring.Bitmap
		for i, p := range old {
			moved = carry(moved, job.deleted[p], maps[i])
			delete(job.deleted, p)
		}
		if written != nil {
			job.deleted[written] = moved
		}
	}
	x.publish(next)
}

// carry adds to dst the new numbers of the deleted documents.
func carry(dst, deleted *roaring.Bitmap, docs []uint32) *roaring.Bitmap {
	if dst == nil {
		dst = roaring.New()
	}
	if deleted == nil {
		return dst
	}
	for it := deleted.Iterator(); it.HasNext(); {
		if doc := it.Next(); int(doc) < len(docs) && docs[doc] != segment.Dropped {
			dst.Add(docs[doc])
		}
	}
	return dst
}
