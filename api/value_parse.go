package api

import (
	"slices"
	"strconv"
	"time"
)

// value reads what a document holds in a field and keeps it unless it is null or empty.
func (p *documentParser) value(name string, t FieldType) error {
	v := Value{Field: name}
	if t == TypeSparseVector {
		if null, err := p.null(); null || err != nil {
			return err
		}
		entries, err := p.sparseVector()
		if len(entries) > 0 {
			v.Sparse = entries
			p.write.Doc.Values = append(p.write.Doc.Values, v)
		}
		return err
	}
	read := func() error {
		null, err := p.null()
		if null || err != nil {
			return err
		}
		scalar, err := p.scalar(t)
		if err != nil {
			return err
		}
		v.add(scalar)
		return nil
	}
	var err error
	if p.peek() == kindArray {
		err = p.array(func(int) error {
			if p.peek() == kindArray {
				return bad("is an array inside an array")
			}
			return read()
		})
	} else {
		err = read()
	}
	if err == nil && (v.Strings != nil || v.Ints != nil || v.Floats != nil) {
		p.write.Doc.Values = append(p.write.Doc.Values, v)
	}
	return err
}

func (v *Value) add(s Scalar) {
	switch s.Type {
	case TypeText, TypeKeyword:
		v.Strings = append(v.Strings, s.Str)
	case TypeFloat:
		v.Floats = append(v.Floats, s.Float)
	default:
		v.Ints = append(v.Ints, s.Int)
	}
}

// scalar reads one value of a field's type, any but sparse_vector.
func (s *scanner) scalar(t FieldType) (Scalar, error) {
	v := Scalar{Type: t}
	var err error
	switch t {
	case TypeText:
		v.Str, err = s.string()
	case TypeKeyword:
		v.Str, err = s.string()
		if err == nil && len(v.Str) > MaxKeywordBytes {
			err = bad("has %d bytes, a keyword at most %d", len(v.Str), MaxKeywordBytes)
		}
	case TypeInt:
		v.Int, err = s.int()
	case TypeFloat:
		v.Float, err = s.float()
	case TypeBool:
		var yes bool
		if yes, err = s.bool(); yes {
			v.Int = 1
		}
	case TypeDate:
		var text string
		if text, err = s.string(); err == nil {
			v.Int, err = parseDate(text)
		}
	default:
		err = bad("is a field of type %s, which takes no single value", t)
	}
	return v, err
}

// parseDate gives milliseconds since 1970 UTC; a date without a time is its first instant in UTC.
func parseDate(text string) (int64, error) {
	layout := time.RFC3339
	if len(text) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		return 0, bad("is %q, must be a date as 2006-01-02 or 2006-01-02T15:04:05Z (RFC 3339)", clip(text))
	}
	return at.UnixMilli(), nil
}

// sparseVector reads {"12": 0.7}: dimension to weight.
func (s *scanner) sparseVector() ([]SparseEntry, error) {
	var entries []SparseEntry
	err := s.object(func(key string) error {
		dim, err := strconv.ParseUint(key, 10, 32)
		if err != nil || strconv.FormatUint(dim, 10) != key {
			return bad("is no dimension: must be an integer of 0 to 4294967295")
		}
		weight, err := s.float32()
		if err != nil {
			return err
		}
		if weight <= 0 {
			return bad("has the weight %v, must be greater than 0", weight)
		}
		if len(entries) == MaxSparseDims {
			return bad("is one dimension too many: at most %d are allowed", MaxSparseDims)
		}
		entries = append(entries, SparseEntry{Dim: uint32(dim), Weight: weight})
		return nil
	})
	slices.SortFunc(entries, func(a, b SparseEntry) int {
		if a.Dim < b.Dim {
			return -1
		}
		return 1
	})
	return entries, err
}

// appendQuoted appends text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, text[start:]...), '"')
}
