package sparse

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/api"
	"sagasu/sparse/segment"
)

// Apply applies a batch and returns an outcome per write; the next Snapshot sees it. A batch at or below
// the applied index changes nothing and has no outcomes. An error means that the index has failed.
func (x *Index) Apply(b Batch) ([]Outcome, error) {
	texts := x.fields.analyzeAll(b.Writes, x.cfg.Courtesy)
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.crowded() && !x.closed && x.work.failure() == nil {
		x.room.Wait()
	}
	if err := x.work.failure(); err != nil {
		return nil, err
	}
	if x.closed {
		return nil, ErrClosed
	}
	if b.Index <= x.applied {
		return nil, nil
	}
	t := x.cfg.Courtesy.begin(context.Background())
	defer t.done()
	a := x.beginApply()
	outcomes := make([]Outcome, len(b.Writes))
	for i := range b.Writes {
		if b.Writes[i].Follows && i > 0 && outcomes[i-1].Status == api.StatusConflict {
			outcomes[i] = outcomes[i-1]
			continue
		}
		outcomes[i] = a.write(&b.Writes[i], &texts[i])
		x.fields.release(&texts[i])
		t.step()
	}
	x.applied = b.Index
	if b.Then != nil {
		b.Then(outcomes)
	}
	x.publish(a.finish())
	if x.active.mem.bytes >= x.cfg.FlushBytes {
		x.freeze()
	}
	return outcomes, nil
}

// crowded reports whether too much waits to be written. mu is held.
func (x *Index) crowded() bool {
	bytes := 0
	for _, job := range x.pending {
		bytes += job.bytes
	}
	return len(x.pending) >= maxPending || bytes >= maxPendingFactor*x.cfg.FlushBytes
}

// applying is a batch under way: the generation to come.
type applying struct {
	x   *Index
	gen *generation
	// owned says which views' deleted bitmaps are this batch's own to change.
	owned []bool
}

func (x *Index) beginApply() *applying {
	old := x.current.Load()
	g := &generation{live: old.live, digest: old.digest, stats: append([]FieldStatistics(nil), old.stats...)}
	for _, v := range old.views {
		g.views = append(g.views, v.clone())
	}
	return &applying{x: x, gen: g, owned: make([]bool, len(g.views))}
}

func (a *applying) finish() *generation {
	// The active segment is always the last view.
	last := a.gen.views[len(a.gen.views)-1]
	last.docs = last.part.mem.NumDocs()
	last.part.mem.publish()
	a.gen.version = a.x.version
	return a.gen
}

// find looks for the live document with the id, newest segment first.
func (a *applying) find(id string) (at int, doc uint32, ok bool) {
	for i := len(a.gen.views) - 1; i >= 0; i-- {
		v := a.gen.views[i]
		if doc, ok := v.part.source().Lookup(id); ok && !v.isDeleted(doc) {
			return i, doc, true
		}
	}
	return 0, 0, false
}

func (a *applying) write(w *api.Write, text *analyzed) Outcome {
	if w.Kind == api.OpTrim {
		return a.trim(w)
	}
	at, doc, exists := a.find(w.Doc.ID)
	present := uint64(0)
	if exists {
		present = a.gen.views[at].part.source().Columns(doc).Version
	}
	if w.IfVersion != nil && *w.IfVersion != present || w.Kind == api.OpCreate && exists {
		return Outcome{Status: api.StatusConflict, Version: present}
	}
	if w.Kind == api.OpDelete && !exists {
		return Outcome{Status: api.StatusNotFound}
	}
	a.x.version++
	if exists {
		a.remove(at, doc)
	}
	if w.Kind == api.OpDelete {
		return Outcome{Status: api.StatusDeleted, Version: a.x.version}
	}
	a.add(text)
	if exists {
		return Outcome{Status: api.StatusUpdated, Version: a.x.version}
	}
	return Outcome{Status: api.StatusCreated, Version: a.x.version}
}

// trim removes passages up to the first that is not there.
func (a *applying) trim(w *api.Write) Outcome {
	out := Outcome{Status: api.StatusNotFound}
	for {
		at, doc, exists := a.find(api.PassageID(w.Doc.ID, w.From+out.Trimmed))
		if !exists {
			return out
		}
		a.x.version++
		a.remove(at, doc)
		out = Outcome{Status: api.StatusDeleted, Version: a.x.version, Trimmed: out.Trimmed + 1}
	}
}

func (a *applying) remove(at int, doc uint32) {
	v := a.gen.views[at]
	if !a.owned[at] {
		if v.deleted == nil {
			v.deleted = roaring.New()
		} else {
			v.deleted = v.deleted.Clone()
		}
		v.dense = &denseSet{}
		a.owned[at] = true
	}
	v.deleted.Add(doc)
	if v.part.mem != nil {
		v.part.noteDeleted(a.x.fields, doc)
	} else {
		v.gone = append(v.gone, doc)
	}
	a.gen.live--
	a.gen.digest -= v.part.source().Columns(doc).Digest
	a.gen.count(a.x.fields, v.part, doc, -1)
}

func (a *applying) add(text *analyzed) {
	p := a.x.active
	doc := p.mem.add(a.x.fields, text, a.x.version)
	a.gen.live++
	a.gen.digest += p.mem.Columns(doc).Digest
	a.gen.count(a.x.fields, p, doc, 1)
}

// count adds sign times a document to the statistics.
func (g *generation) count(fields *fieldSet, p *part, doc uint32, sign int) {
	for _, f := range fields.list {
		if f.shape != segment.ShapeText {
			continue
		}
		if n := p.length(f, doc); n > 0 {
			g.stats[f.ordinal].Docs += uint64(sign)
			g.stats[f.ordinal].Tokens += uint64(sign) * uint64(n)
		}
	}
}
