package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseDocument reads one write: a JSON object with the document's fields and the envelope keys id,
// vector, op and if_version. What it gives shares no memory with data. Its errors are *Problem.
func ParseDocument(schema *Schema, data []byte) (Write, error) {
	return ParseDocumentAs(schema, "", data)
}

// ParseDocumentAs is ParseDocument for a document whose id is known already, as from a URL or from the store: the
// object may lack it, and must not hold another. An empty id is not known. A known id of a passage is taken, with its
// PassageMember: what a client wants to write under an id is up to Schema.CheckWriteID.
func ParseDocumentAs(schema *Schema, id string, data []byte) (Write, error) {
	p := documentParser{scanner: scanner{data: data}, schema: schema, write: Write{Kind: OpIndex}}
	p.write.Doc.ID = id
	if err := p.parse(); err != nil {
		return Write{}, complete(ProblemDocument, err)
	}
	return p.write, nil
}

type documentParser struct {
	scanner
	schema *Schema
	write  Write
	// fields counts the keys that are not of the envelope.
	fields int
}

func (p *documentParser) parse() error {
	known := p.write.Doc.ID
	if known != "" {
		if err := within("id", checkID(known)); err != nil {
			return err
		}
	}
	source := make([]byte, 1, len(p.data)+2)
	source[0] = '{'
	err := p.object(func(key string) error {
		if ReservedName(key) {
			return p.envelope(key, known)
		}
		p.space()
		start := p.pos
		if err := p.field(key, known); err != nil {
			return err
		}
		if len(source) > 1 {
			source = append(source, ',')
		}
		source = appendQuoted(source, key)
		source = append(source, ':')
		if raw := p.data[start:p.pos]; raw[0] == '"' {
			source = append(source, raw...)
		} else {
			source = appendCompact(source, raw)
		}
		return nil
	})
	if err == nil {
		err = p.end()
	}
	if err == nil {
		err = p.check(known)
	}
	if err != nil || p.write.Kind == OpDelete {
		return err
	}
	source = append(source, '}')
	p.write.Doc.Source = source
	slices.SortFunc(p.write.Doc.Values, func(a, b Value) int { return strings.Compare(a.Field, b.Field) })
	return nil
}

// field reads the value of a key that is not of the envelope.
func (p *documentParser) field(key, known string) error {
	p.fields++
	if key == PassageMember && p.schema.RoutingKey(known) != known {
		return p.passageMember(known)
	}
	field, ok := p.schema.Fields[key]
	if !ok {
		return bad("is no field of the index")
	}
	return p.value(key, field.Type)
}

// check sees to what concerns several keys.
func (p *documentParser) check(known string) error {
	w := &p.write
	if known == "" && w.Doc.ID != "" {
		if err := p.schema.checkWriteID(w.Doc.ID); err != nil {
			return within("id", err)
		}
	}
	switch {
	case w.Doc.ID == "":
		return badField("id", "is missing")
	case w.Kind == OpDelete && (p.fields > 0 || w.Doc.Vector != nil):
		return badField("op", "is delete, which takes no fields and no vector")
	case w.Kind == OpCreate && w.IfVersion != nil && *w.IfVersion != 0:
		return badField("if_version", "contradicts op create, which means if_version 0")
	}
	return nil
}

func (p *documentParser) envelope(key, known string) error {
	w := &p.write
	switch key {
	case "id":
		id, err := p.string()
		if err != nil {
			return err
		}
		if known != "" && id != known {
			return bad("is %q, but the address names %q", clip(id), clip(known))
		}
		w.Doc.ID = id
		return checkID(id)
	case "vector":
		if null, err := p.null(); null || err != nil {
			return err
		}
		if p.schema.Passages != nil {
			return bad("can't be given: the index splits documents into passages, each with a vector of its own")
		}
		vector, err := p.vector(p.schema)
		if w.Doc.Vector = vector; vector != nil {
			w.Doc.Generation = p.schema.Dense.Generation
		}
		return err
	case "op":
		op, err := p.string()
		if err != nil {
			return err
		}
		switch op {
		case "index":
			w.Kind = OpIndex
		case "create":
			w.Kind = OpCreate
		case "delete":
			w.Kind = OpDelete
		default:
			return bad("is %q, must be index, create or delete", clip(op))
		}
		return nil
	}
	if null, err := p.null(); null || err != nil {
		return err
	}
	n, err := p.int()
	if err != nil {
		return err
	}
	if n < 0 {
		return bad("is %d, must not be negative", n)
	}
	version := uint64(n)
	w.IfVersion = &version
	return nil
}

// CheckID gives a *Problem if id cannot be a document's.
func CheckID(id string) error {
	return complete(ProblemDocument, within("id", checkID(id)))
}

func checkID(id string) error {
	switch {
	case id == "":
		return bad("is empty")
	case len(id) > MaxIDBytes:
		return bad("has %d bytes, at most %d are allowed", len(id), MaxIDBytes)
	case !utf8.ValidString(id):
		return bad("is not valid UTF-8")
	}
	return nil
}

// vector reads a dense vector: numbers, or base64 of 32-bit little-endian floats.
func (s *scanner) vector(schema *Schema) ([]float32, error) {
	if schema.Dense == nil {
		return nil, bad("is given, but the index has no dense leg")
	}
	dims := schema.Dense.Dims
	var vector []float32
	var err error
	switch s.peek() {
	case kindString:
		vector, err = s.vectorBase64(dims)
	case kindArray:
		vector, err = s.vectorNumbers(dims)
	case kindNone:
		return nil, s.syntax("a vector")
	default:
		return nil, bad("is %s, must be an array of numbers or base64 of 32-bit floats", s.peek())
	}
	if err != nil {
		return nil, err
	}
	if len(vector) != dims {
		return nil, bad("has %d dimensions, the index has %s", len(vector), schema.Dense.Describe())
	}
	for _, f := range vector {
		if f != 0 {
			return vector, nil
		}
	}
	return nil, bad("is all zeros, which has no direction to compare")
}

func (s *scanner) vectorNumbers(dims int) ([]float32, error) {
	// The text has at least two bytes a number; don't trust the schema with more memory than that.
	vector := make([]float32, 0, min(dims, (len(s.data)-s.pos)/2+1))
	err := s.array(func(i int) error {
		if i >= MaxDenseDims {
			return bad("is beyond the limit of %d dimensions", MaxDenseDims)
		}
		f, err := s.float32()
		vector = append(vector, f)
		return err
	})
	return vector, err
}

func (s *scanner) vectorBase64(dims int) ([]float32, error) {
	text, err := s.string()
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, bad("is a string that is not base64: %v", err)
	}
	if len(raw)%4 != 0 {
		return nil, bad("holds %d bytes in base64, which is no whole number of 32-bit floats (%d are wanted)",
			len(raw), dims)
	}
	vector := make([]float32, len(raw)/4)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if !finite(float64(vector[i])) {
			return nil, bad("holds %v at position %d, must be finite", vector[i], i)
		}
	}
	return vector, nil
}
