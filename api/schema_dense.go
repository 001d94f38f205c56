package api

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Describe tells a person which vectors the configuration is about: "384", or "768 (generation 2, model \"e5\")".
func (d *DenseConfig) Describe() string {
	switch {
	case d.Model != "":
		return fmt.Sprintf("%d (generation %d, model %q)", d.Dims, d.Generation, d.Model)
	case d.Generation > 0:
		return fmt.Sprintf("%d (generation %d)", d.Dims, d.Generation)
	}
	return strconv.Itoa(d.Dims)
}

// vectorParameter is a number of a VectorIndex.
type vectorParameter struct {
	kind, name string
	value      *int
	most       int
}

// parameters are the numbers of the index, with the kind each belongs to.
func (x *VectorIndex) parameters() []vectorParameter {
	return []vectorParameter{
		{VectorHNSW, "m", &x.M, maxGraphDegree},
		{VectorHNSW, "ef_construction", &x.EfConstruction, maxGraphCandidates},
		{VectorHNSW, "ef", &x.Ef, maxGraphCandidates},
		{VectorIVFFlat, "nlist", &x.NList, maxClusters},
		{VectorIVFFlat, "nprobe", &x.NProbe, maxClusters},
		{VectorDiskANN, "search_list", &x.SearchList, maxSearchList},
	}
}

func parseVectorIndex(s *scanner) (*VectorIndex, error) {
	x := &VectorIndex{}
	err := s.object(func(key string) error {
		if key == "kind" {
			var err error
			x.Kind, err = s.string()
			return err
		}
		for _, p := range x.parameters() {
			if p.name != key {
				continue
			}
			n, err := s.int()
			if err == nil && (n < 1 || n > int64(p.most)) {
				return bad("is %d, must be 1 to %d", n, p.most)
			}
			*p.value = int(n)
			return err
		}
		return bad("is no part of a vector index (kind, m, ef_construction, ef, nlist, nprobe, search_list)")
	})
	return x, err
}

// validateVectors checks what concerns Milvus.
func (s Schema) validateVectors() error {
	d := s.Dense
	if len(d.Model) > MaxFieldNameBytes || !utf8.ValidString(d.Model) {
		return badField("model", "must be at most %d bytes of valid UTF-8", MaxFieldNameBytes)
	}
	if d.Generation < 0 {
		return badField("generation", "is %d, must not be negative", d.Generation)
	}
	if d.Partition != "" {
		switch field, ok := s.Fields[d.Partition]; {
		case !ok:
			return badField("partition", "names %q, which is no field of the schema", clip(d.Partition))
		case field.Type != TypeKeyword:
			return badField("partition", "names %q, which is %s, not keyword", clip(d.Partition), field.Type)
		}
	}
	if d.Index == nil {
		return nil
	}
	return within("index", d.Index.validate())
}

func (x *VectorIndex) validate() error {
	switch x.Kind {
	case VectorHNSW, VectorIVFFlat, VectorDiskANN, VectorFlat:
	case "":
		return badField("kind", "is missing")
	default:
		return badField("kind", "is %q, must be hnsw, ivf_flat, diskann or flat", clip(x.Kind))
	}
	for _, p := range x.parameters() {
		switch {
		case *p.value == 0:
		case p.kind != x.Kind:
			return badField(p.name, "belongs to %s, the kind is %s", p.kind, x.Kind)
		case *p.value < 0 || *p.value > p.most:
			return badField(p.name, "is %d, must be 1 to %d", *p.value, p.most)
		}
	}
	if x.M == 1 {
		return badField("m", "is 1, must be 2 to %d", maxGraphDegree)
	}
	return nil
}

func parsePassageConfig(s *scanner) (*PassageConfig, error) {
	p := &PassageConfig{By: PassageBySentences, Unit: PassageCharacters}
	err := s.object(func(key string) error {
		var err error
		var n int64
		switch key {
		case "field":
			p.Field, err = s.string()
		case "by":
			p.By, err = s.string()
		case "unit":
			p.Unit, err = s.string()
		case "size":
			n, err = s.int()
			p.Size = int(n)
		case "overlap":
			n, err = s.int()
			p.Overlap = int(n)
		default:
			return bad("is no part of passages (field, by, unit, size, overlap)")
		}
		return err
	})
	return p, err
}

func (s Schema) validatePassages() error {
	p := s.Passages
	field, ok := s.Fields[p.Field]
	switch {
	case p.Field == "":
		return badField("field", "is missing")
	case !ok:
		return badField("field", "names %q, which is no field of the schema", clip(p.Field))
	case field.Type != TypeText:
		return badField("field", "names %q, which is %s, not text", clip(p.Field), field.Type)
	case p.By != PassageByLength && p.By != PassageBySentences && p.By != PassageByHeadings:
		return badField("by", "is %q, must be length, sentences or headings", clip(p.By))
	case p.Unit != PassageCharacters && p.Unit != PassageTokens:
		return badField("unit", "is %q, must be characters or tokens", clip(p.Unit))
	case p.Size < minPassageSize || p.Size > maxPassageSize:
		return badField("size", "is %d, must be %d to %d", p.Size, minPassageSize, maxPassageSize)
	case p.Overlap < 0 || 2*p.Overlap > p.Size:
		return badField("overlap", "is %d, must be 0 to half of size (%d)", p.Overlap, p.Size/2)
	}
	return nil
}
