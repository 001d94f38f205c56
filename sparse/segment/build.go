package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/internal/vfs"
)

// Dropped is the entry of a document map for a document that was not taken over.
const Dropped = math.MaxUint32

// Input is one source of a build and the documents of it to leave out.
type Input struct {
	Source Source
	// Drop may be nil.
	Drop *roaring.Bitmap
}

// Plan says how to build a segment.
type Plan struct {
	// Shapes are the fields' by ordinal.
	Shapes []Shape
	// Norms are what scores of the fields are expected to be computed with, by ordinal; of texts only. Bounds are
	// tightest where they are.
	Norms []Norm
	// Reorder is the number of documents from which on they get the order in which they compress and are searched best;
	// 0 for never.
	Reorder int
	// Abort, if not nil, is asked now and then whether to leave them in the order they came in.
	Abort func() bool
	// Pause, if not nil, is called after some thousand postings, or about as much of other work, and may wait.
	Pause func()
}

// pause is called now and then.
func (p *Plan) pause() {
	if p.Pause != nil {
		p.Pause()
	}
}

// Build writes the documents of the inputs, in order, into a new file at path and syncs it; the caller
// syncs the directory. It gives for each input the new number of each old document, or Dropped. A file that could not
// be finished is removed.
func Build(fs vfs.FS, path string, plan Plan, inputs []Input) ([][]uint32, error) {
	file, err := fs.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	b := &builder{plan: plan, inputs: inputs}
	b.number()
	if plan.Reorder > 0 && int(b.docs) >= plan.Reorder {
		err = b.reorder()
	}
	if err == nil {
		err = b.write(file)
	}
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close segment: %w", closeErr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build %s: %w", path, err), fs.Remove(path))
	}
	return b.maps, nil
}

type builder struct {
	plan   Plan
	inputs []Input
	maps   [][]uint32
	// sequence has the new documents in order.
	sequence []origin
	docs     uint32
	meta     meta
	out      *writer
}

// number assigns the new documents' numbers.
func (b *builder) number() {
	b.maps = make([][]uint32, len(b.inputs))
	for i, in := range b.inputs {
		m := make([]uint32, in.Source.NumDocs())
		for doc := range m {
			if in.Drop != nil && in.Drop.Contains(uint32(doc)) {
				m[doc] = Dropped
				continue
			}
			m[doc] = b.docs
			b.sequence = append(b.sequence, origin{uint32(i), uint32(doc)})
			b.docs++
		}
		b.maps[i] = m
	}
}

// each calls fn for every document taken over, in the new order.
func (b *builder) each(fn func(src Source, doc uint32) error) error {
	for _, o := range b.sequence {
		if err := fn(b.inputs[o.input].Source, o.doc); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) write(file vfs.File) error {
	out, err := newWriter(file)
	if err != nil {
		return err
	}
	b.out = out
	b.meta.Docs = b.docs
	if err := b.writeIDs(); err != nil {
		return err
	}
	if err := b.writeColumns(); err != nil {
		return err
	}
	if err := b.writeStored(); err != nil {
		return err
	}
	for ordinal, shape := range b.plan.Shapes {
		if err := b.writeField(ordinal, shape); err != nil {
			return fmt.Errorf("field %d: %w", ordinal, err)
		}
	}
	text, err := json.Marshal(b.meta)
	if err != nil {
		return err
	}
	if err := b.out.section(sectionMeta, 0, text); err != nil {
		return err
	}
	return b.out.finish()
}

func (b *builder) writeField(ordinal int, shape Shape) error {
	fields := make([]FieldSource, len(b.inputs))
	for i, in := range b.inputs {
		fields[i] = in.Source.Field(ordinal)
	}
	b.meta.Fields = append(b.meta.Fields, fieldMeta{Shape: shape})
	if shape == ShapePoints {
		return b.writePoints(ordinal, fields)
	}
	return b.writeInverted(ordinal, shape, fields)
}
