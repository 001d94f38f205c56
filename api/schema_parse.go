package api

import (
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Analyzers are the names that Field.Analyzer can have.
func Analyzers() []string { return []string{"standard", "english", "japanese", "cjk_bigram"} }

// ParseSchema reads a schema strictly and validates it. Its errors are *Problem.
func ParseSchema(data []byte) (Schema, error) {
	s := &scanner{data: data}
	schema := Schema{Fields: map[string]Field{}}
	err := s.object(func(key string) error {
		switch key {
		case "fields":
			return s.object(func(name string) error {
				field, err := parseField(s)
				schema.Fields[name] = field
				return err
			})
		case "dense":
			if null, err := s.null(); null || err != nil {
				return err
			}
			dense, err := parseDenseConfig(s)
			schema.Dense = dense
			return err
		case "passages":
			if null, err := s.null(); null || err != nil {
				return err
			}
			passages, err := parsePassageConfig(s)
			schema.Passages = passages
			return err
		}
		return bad("is no part of a schema (fields, dense, passages)")
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Schema{}, complete(ProblemSchema, err)
	}
	return schema, schema.Validate()
}

func parseField(s *scanner) (Field, error) {
	var f Field
	err := s.object(func(key string) error {
		var err error
		switch key {
		case "type":
			var name string
			name, err = s.string()
			f.Type = FieldType(name)
		case "analyzer":
			f.Analyzer, err = s.string()
		case "k1":
			f.K1 = new(float64)
			*f.K1, err = s.float()
		case "b":
			f.B = new(float64)
			*f.B, err = s.float()
		default:
			return bad("is no part of a field (type, analyzer, k1, b)")
		}
		return err
	})
	return f, err
}

func parseDenseConfig(s *scanner) (*DenseConfig, error) {
	dense := &DenseConfig{}
	err := s.object(func(key string) error {
		switch key {
		case "dims":
			n, err := s.int()
			if err == nil && (n < 1 || n > MaxDenseDims) {
				return bad("is %d, must be 1 to %d", n, MaxDenseDims)
			}
			dense.Dims = int(n)
			return err
		case "fields":
			return s.array(func(int) error {
				name, err := s.string()
				dense.Fields = append(dense.Fields, name)
				return err
			})
		case "model":
			var err error
			dense.Model, err = s.string()
			return err
		case "partition":
			var err error
			dense.Partition, err = s.string()
			return err
		case "index":
			var err error
			dense.Index, err = parseVectorIndex(s)
			return err
		case "generation":
			return bad("counts the models an index had, it can't be set")
		}
		return bad("is no part of dense (dims, fields, model, partition, index)")
	})
	return dense, err
}

// Validate checks the schema against the rules of its comments. Its error is a *Problem.
func (s Schema) Validate() error {
	return complete(ProblemSchema, s.validate())
}

func (s Schema) validate() error {
	if len(s.Fields) == 0 && s.Dense == nil {
		return badField("fields", "is missing: an index needs a field or a dense leg")
	}
	if len(s.Fields) > MaxFields {
		return badField("fields", "holds %d fields, at most %d are allowed", len(s.Fields), MaxFields)
	}
	for _, name := range s.fieldNames() {
		if err := validateField(name, s.Fields[name]); err != nil {
			return within("fields", within(clip(name), err))
		}
	}
	if s.Dense != nil {
		if err := within("dense", s.validateDense()); err != nil {
			return err
		}
	}
	if s.Passages != nil {
		return within("passages", s.validatePassages())
	}
	return nil
}

func (s Schema) validateDense() error {
	if s.Dense.Dims < 1 || s.Dense.Dims > MaxDenseDims {
		return badField("dims", "is %d, must be 1 to %d", s.Dense.Dims, MaxDenseDims)
	}
	seen := map[string]bool{}
	for _, name := range s.Dense.Fields {
		field, ok := s.Fields[name]
		switch {
		case !ok:
			return badField("fields", "names %q, which is no field of the schema", clip(name))
		case field.Type != TypeText:
			return badField("fields", "names %q, which is %s, not text", clip(name), field.Type)
		case seen[name]:
			return badField("fields", "names %q twice", clip(name))
		}
		seen[name] = true
	}
	return s.validateVectors()
}

func validateField(name string, f Field) error {
	switch {
	case name == "":
		return bad("has an empty name")
	case len(name) > MaxFieldNameBytes:
		return bad("has a name of %d bytes, at most %d are allowed", len(name), MaxFieldNameBytes)
	case !utf8.ValidString(name):
		return bad("has a name that is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return bad("has a control character in its name")
	case name[0] == '_':
		return bad("starts with _, which is reserved")
	case ReservedName(name):
		return bad("has a reserved name (id, vector, op, if_version)")
	}
	switch f.Type {
	case TypeText:
	case TypeKeyword, TypeInt, TypeFloat, TypeDate, TypeBool, TypeSparseVector:
		if f.Analyzer != "" || f.K1 != nil || f.B != nil {
			return bad("is %s: analyzer, k1 and b belong to text fields", f.Type)
		}
		return nil
	case "":
		return badField("type", "is missing")
	default:
		return badField("type", "is %q, must be text, keyword, int, float, date, bool or sparse_vector",
			clip(string(f.Type)))
	}
	return validateText(f)
}

func validateText(f Field) error {
	if f.Analyzer != "" {
		if err := checkAnalyzer(f.Analyzer); err != nil {
			return within("analyzer", err)
		}
	}
	switch {
	case f.K1 != nil && !(*f.K1 >= 0 && *f.K1 <= 10):
		return badField("k1", "is %v, must be 0 to 10", *f.K1)
	case f.B != nil && !(*f.B >= 0 && *f.B <= 1):
		return badField("b", "is %v, must be 0 to 1", *f.B)
	}
	return nil
}

func checkAnalyzer(name string) error {
	if slices.Contains(Analyzers(), name) {
		return nil
	}
	return bad("is %q, must be one of %s", clip(name), strings.Join(Analyzers(), ", "))
}

// fieldNames gives the names in ascending order, so that the same fault is reported each time.
func (s Schema) fieldNames() []string {
	names := make([]string, 0, len(s.Fields))
	for name := range s.Fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// finite reports whether f is a number and not infinite.
func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
