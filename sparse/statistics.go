package sparse

import (
	"fmt"

	"sagasu/sparse/segment"
)

// TermKey names a term of a text field.
type TermKey struct {
	Field string
	// Term is as the field's analyzer gives it.
	Term string
}

// FieldStatistics are what BM25 needs of a text field, over live documents.
type FieldStatistics struct {
	// Docs is the number of documents that hold the field.
	Docs uint64
	// Tokens is their number of tokens.
	Tokens uint64
}

// Statistics are what scoring needs to know beside a document itself. Those of several indexes with the
// same schema can be added up: with the sum, each scores its documents as if it held all of them.
type Statistics struct {
	// Fields has an entry for each text field of the schema.
	Fields map[string]FieldStatistics
	// Terms gives document frequencies; a term that is absent has frequency 0.
	Terms map[TermKey]uint64
	// Version is the index's last version in the snapshot, as Index.LastVersion gives it: it grows with every write
	// that changes something and is the same wherever the same batches were applied. What counts the same
	// documents has the same version; frequencies taken while a batch is applied may count some of it before the
	// version tells. 0 for an index never written to, and for a sum.
	Version uint64
}

// Add adds another index's statistics to these, which may be zero. A sum belongs to no version.
func (s *Statistics) Add(o Statistics) {
	s.Version = 0
	if s.Fields == nil {
		s.Fields = make(map[string]FieldStatistics, len(o.Fields))
	}
	if s.Terms == nil {
		s.Terms = make(map[TermKey]uint64, len(o.Terms))
	}
	for name, f := range o.Fields {
		sum := s.Fields[name]
		s.Fields[name] = FieldStatistics{Docs: sum.Docs + f.Docs, Tokens: sum.Tokens + f.Tokens}
	}
	for key, df := range o.Terms {
		s.Terms[key] += df
	}
}

// Statistics gives those of every text field and of the given terms, absent ones with frequency 0. Errors:
// ErrQuery for a field that the schema does not have or that is not text, segment.ErrCorrupt.
func (s *Snapshot) Statistics(terms []TermKey) (Statistics, error) {
	fields := s.index.fields
	out := Statistics{
		Fields: make(map[string]FieldStatistics),
		Terms:  make(map[TermKey]uint64, len(terms)), Version: s.gen.version,
	}
	for _, f := range fields.list {
		if f.shape == segment.ShapeText {
			out.Fields[f.name] = s.gen.stats[f.ordinal]
		}
	}
	for _, key := range terms {
		f, err := fields.text(key.Field)
		if err != nil {
			return Statistics{}, err
		}
		df := uint64(0)
		for _, v := range s.gen.views {
			n, err := v.docFreq(f, key.Term)
			if err != nil {
				return Statistics{}, fmt.Errorf("look up term of field %q: %w", f.name, err)
			}
			df += uint64(n)
		}
		out.Terms[key] = df
	}
	return out, nil
}
