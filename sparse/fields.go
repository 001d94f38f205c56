package sparse

import (
	"fmt"
	"slices"
	"sync"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/segment"
)

// field is one field of the schema, ready for use.
type field struct {
	name     string
	ordinal  int
	kind     api.FieldType
	shape    segment.Shape
	analyzer analysis.Analyzer // text only
	k1, b    float64
}

// fieldSet is a schema, ready for use. A field's ordinal is its rank by name.
type fieldSet struct {
	list   []*field
	byName map[string]*field
	shapes []segment.Shape
	// rooms are *tokenRoom.
	rooms sync.Pool
}

func newFieldSet(schema api.Schema, analyzers *analysis.Registry) (*fieldSet, error) {
	names := make([]string, 0, len(schema.Fields))
	for name := range schema.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	set := &fieldSet{byName: make(map[string]*field, len(names))}
	for i, name := range names {
		spec := schema.Fields[name]
		f := &field{
			name: name, ordinal: i, kind: spec.Type, shape: segment.ShapeOf(spec.Type),
			k1: api.DefaultK1, b: api.DefaultB,
		}
		if spec.K1 != nil {
			f.k1 = *spec.K1
		}
		if spec.B != nil {
			f.b = *spec.B
		}
		if f.shape == segment.ShapeText {
			a, err := analyzers.Get(spec.Analyzer)
			if err != nil {
				return nil, fmt.Errorf("field %q: %w", name, err)
			}
			f.analyzer = a
		}
		set.list = append(set.list, f)
		set.byName[name] = f
		set.shapes = append(set.shapes, f.shape)
	}
	return set, nil
}

// get gives the field of a query clause.
func (s *fieldSet) get(name string) (*field, error) {
	f, ok := s.byName[name]
	if !ok {
		return nil, fmt.Errorf("%w: no field %q", ErrQuery, name)
	}
	return f, nil
}

// text gives the field of a clause that only text fields can have.
func (s *fieldSet) text(name string) (*field, error) {
	f, err := s.get(name)
	if err != nil {
		return nil, err
	}
	if f.shape != segment.ShapeText {
		return nil, fmt.Errorf("%w: field %q is %s, not text", ErrQuery, name, f.kind)
	}
	return f, nil
}
