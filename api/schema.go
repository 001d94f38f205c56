package api

// FieldType says how a field's values are indexed.
type FieldType string

// The types a field can have.
const (
	// TypeText is analysed text: match and phrase queries, scored by BM25.
	TypeText FieldType = "text"
	// TypeKeyword is an exact string: term, terms, prefix, range, exists.
	TypeKeyword FieldType = "keyword"
	// TypeInt is a signed 64-bit integer.
	TypeInt FieldType = "int"
	// TypeFloat is a finite IEEE 754 double.
	TypeFloat FieldType = "float"
	// TypeDate is an instant, kept as milliseconds since 1970-01-01 UTC; RFC 3339 or YYYY-MM-DD.
	TypeDate FieldType = "date"
	// TypeBool is true or false.
	TypeBool FieldType = "bool"
	// TypeSparseVector is learned-sparse weights, dimension to positive weight.
	TypeSparseVector FieldType = "sparse_vector"
)

// Default BM25 parameters of a text field (Robertson and Zaragoza, 2009).
const (
	DefaultK1 = 1.2
	DefaultB  = 0.75
)

// Field is one field of a schema.
type Field struct {
	// Type is required.
	Type FieldType `json:"type"`
	// Analyzer names the analyzer of a text field: standard (default), english, japanese, cjk_bigram.
	Analyzer string `json:"analyzer,omitempty"`
	// K1 is BM25's term frequency saturation, 0 to 10; nil is DefaultK1. Text fields only.
	K1 *float64 `json:"k1,omitempty"`
	// B is BM25's length normalisation, 0 to 1; nil is DefaultB. Text fields only.
	B *float64 `json:"b,omitempty"`
}

// DenseConfig declares that an index has a dense leg.
type DenseConfig struct {
	// Dims is the number of dimensions of every vector.
	Dims int `json:"dims"`
	// Fields names the text fields whose values, joined by line feeds in this order, are embedded.
	// Empty means that only documents that bring a vector have one.
	Fields []string `json:"fields,omitempty"`
}

// Schema says what an index holds.
type Schema struct {
	// Fields by name. Names are UTF-8, up to MaxFieldNameBytes, do not start with "_" and are none of
	// the reserved names (see ReservedName).
	Fields map[string]Field `json:"fields"`
	// Dense is nil for an index without a dense leg.
	Dense *DenseConfig `json:"dense,omitempty"`
}

// ReservedName reports whether name is a key of the document envelope and so can't name a field:
// id, vector, op, if_version.
func ReservedName(name string) bool {
	switch name {
	case "id", "vector", "op", "if_version":
		return true
	}
	return false
}

// DefaultAnalyzer is that of a text field which names none.
const DefaultAnalyzer = "standard"
