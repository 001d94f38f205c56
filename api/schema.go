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
	// Model is asked of the embedding service for documents and queries alike; empty takes the node's.
	Model string `json:"model,omitempty"`
	// Generation counts the models the index had, from 0. Vectors of different generations are never compared.
	Generation int `json:"generation,omitempty"`
	// Partition names a keyword field with at most one value a document, by which the vectors are partitioned
	// in Milvus: searches that filter by one of its values look at that partition alone. Empty for none.
	Partition string `json:"partition,omitempty"`
	// Index says how Milvus finds neighbours; nil is HNSW with its defaults. Vectors kept in the process are
	// searched exactly and don't need it.
	Index *VectorIndex `json:"index,omitempty"`
}

// The kinds of vector index, VectorIndex.Kind.
const (
	VectorHNSW    = "hnsw"
	VectorIVFFlat = "ivf_flat"
	VectorDiskANN = "diskann"
	VectorFlat    = "flat"
)

// VectorIndex is how Milvus finds neighbours. Numbers that are 0 take the defaults.
type VectorIndex struct {
	// Kind is one of the kinds of vector index.
	Kind string `json:"kind"`
	// M is the degree of the HNSW graph, 2 to 2,048 (16); EfConstruction the candidates kept while building it,
	// 1 to 32,768 (200); Ef those kept while searching (256), raised to the hits wanted (Malkov and Yashunin, 2016).
	M              int `json:"m,omitempty"`
	EfConstruction int `json:"ef_construction,omitempty"`
	Ef             int `json:"ef,omitempty"`
	// NList is the number of clusters of ivf_flat, 1 to 65,536 (1,024), NProbe how many a search looks at (32).
	NList  int `json:"nlist,omitempty"`
	NProbe int `json:"nprobe,omitempty"`
	// SearchList is the candidates that diskann keeps, 1 to 65,535 (128), raised to the hits wanted.
	SearchList int `json:"search_list,omitempty"`
}

// The units of PassageConfig.Unit, and where PassageConfig.By may cut.
const (
	PassageCharacters = "characters"
	PassageTokens     = "tokens"

	PassageByLength    = "length"
	PassageBySentences = "sentences"
	PassageByHeadings  = "headings"
)

// PassageConfig splits the documents of an index into passages as they are written. Each passage becomes a
// document of its own (see PassageID) with all fields of the whole one, but of the split field its part.
type PassageConfig struct {
	// Field is the text field that is split.
	Field string `json:"field"`
	// By says where to cut: at sentences (default), at Markdown headings and then sentences, or anywhere.
	By string `json:"by"`
	// Unit is what Size and Overlap count: characters (Unicode code points, the default) or tokens, which are
	// those of the field's analyzer.
	Unit string `json:"unit"`
	// Size is the most of a passage, Overlap how much of the end of one the next one repeats.
	Size    int `json:"size"`
	Overlap int `json:"overlap"`
}

// Schema says what an index holds.
type Schema struct {
	// Fields by name. Names are UTF-8, up to MaxFieldNameBytes, do not start with "_" and are none of
	// the reserved names (see ReservedName).
	Fields map[string]Field `json:"fields"`
	// Dense is nil for an index without a dense leg.
	Dense *DenseConfig `json:"dense,omitempty"`
	// Passages is nil for an index whose documents are kept whole.
	Passages *PassageConfig `json:"passages,omitempty"`
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
