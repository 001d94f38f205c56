package sparse

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/sparse/segment"
)

// recover brings the index to what the manifest says and removes files that it doesn't name.
func (x *Index) recover() error {
	path := filepath.Join(x.cfg.Dir, manifestName)
	data, err := x.cfg.FS.ReadFile(path)
	g := &generation{stats: make([]FieldStatistics, len(x.fields.list))}
	x.current.Store(g)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := x.refuseStray(); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("read manifest: %w", err)
	default:
		body, err := parseManifest(data)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		// How the dense leg is kept may change; the fields don't.
		if !reflect.DeepEqual(body.Schema.Fields, x.cfg.Schema.Fields) {
			return fmt.Errorf("read %s: %w", path, ErrSchema)
		}
		if err := x.load(g, body); err != nil {
			return err
		}
	}
	x.active = &part{mem: newMemory(x.fields)}
	g.views = append(g.views, newView(x.active, 0))
	g.refs.Store(1)
	for _, v := range g.views {
		v.part.refs.Add(1)
	}
	return x.removeStray()
}

// refuseStray refuses a directory that has segments and no manifest: starting empty would remove them.
func (x *Index) refuseStray() error {
	names, err := x.cfg.FS.List(x.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list index directory: %w", err)
	}
	if i := slices.IndexFunc(names, isSegmentName); i >= 0 && names[i] != segmentName(1) {
		return fmt.Errorf("%w: %s has segments (%s) and no %s", ErrCorrupt, x.cfg.Dir, names[i], manifestName)
	}
	return nil
}

func (x *Index) load(g *generation, body manifestBody) error {
	x.applied, x.version, x.recovered = body.Applied, body.Version, body.State
	g.version = body.Version
	x.nextFile.Store(body.NextFile)
	x.durableAt.Store(body.Applied)
	x.durable = manifest{applied: body.Applied, version: body.Version, state: body.State}
	for _, s := range body.Segments {
		file, err := segment.Open(x.cfg.FS, filepath.Join(x.cfg.Dir, segmentName(s.Number)), x.fields.shapes)
		if err != nil {
			return err
		}
		x.segments.Add(1)
		v := newView(filePart(x.fields, file, s.Number), file.NumDocs())
		g.views = append(g.views, v)
		if len(s.Deleted) > 0 {
			v.deleted = roaring.New()
			if err := v.deleted.UnmarshalBinary(s.Deleted); err != nil {
				return fmt.Errorf("%w: deletions of segment %d: %w", ErrCorrupt, s.Number, err)
			}
			if !v.deleted.IsEmpty() && v.deleted.Maximum() >= v.docs {
				return fmt.Errorf("%w: deletions of segment %d lie outside it", ErrCorrupt, s.Number)
			}
			v.gone = v.deleted.ToArray()
		}
		x.durable.segments = append(x.durable.segments, durableSegment{part: v.part, deleted: v.deleted})
		for doc := range v.docs {
			if v.isDeleted(doc) {
				continue
			}
			g.live++
			g.digest += file.Columns(doc).Digest
			g.count(x.fields, v.part, doc, 1)
		}
	}
	return nil
}

// removeStray removes segments that a crash left: written but never named by a manifest, or merged away.
func (x *Index) removeStray() error {
	names, err := x.cfg.FS.List(x.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list index directory: %w", err)
	}
	known := make(map[string]bool)
	for _, s := range x.durable.segments {
		known[segmentName(s.part.number)] = true
	}
	for _, name := range names {
		if isSegmentName(name) && !known[name] || name == manifestTempName {
			if err := x.cfg.FS.Remove(filepath.Join(x.cfg.Dir, name)); err != nil {
				return fmt.Errorf("remove left-over %s: %w", name, err)
			}
		}
	}
	return nil
}
