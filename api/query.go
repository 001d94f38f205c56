package api

// Query is a node of the query tree; one of the types below, always by pointer. The same tree serves
// scoring and filtering; filters are translated to roaring bitmaps in the shard and to an expression in
// Milvus, and must select the same documents in both.
type Query interface{ isQuery() }

// Operator says how many terms of a match must be present.
type Operator string

// The operators of a match.
const (
	OperatorOr  Operator = "or"
	OperatorAnd Operator = "and"
)

// FieldBoost names a field and multiplies its score.
type FieldBoost struct {
	Field string
	Boost float64
}

// Match searches analysed text. The terms of the fields that share an analyzer form one group; a
// document matches if, in any group, enough terms occur in any field of the group. Its score
// is the sum over groups, terms and fields of boost times BM25.
type Match struct {
	// Fields to search; empty means every text field with boost 1.
	Fields []FieldBoost
	Text   string
	// Operator is OperatorOr or OperatorAnd.
	Operator Operator
	// Minimum is the least number of distinct terms that must be present with OperatorOr; 0 means 1.
	Minimum int
	Boost   float64
}

// Phrase searches the terms of Text at consecutive positions of one field.
type Phrase struct {
	// Fields to search; a document matches if any holds the phrase, and scores the sum.
	Fields []FieldBoost
	Text   string
	Boost  float64
}

// Bool combines queries. A document matches if it matches every Must and Filter, no MustNot and, of
// Should, at least MinimumShould (default: 1 if there is no Must and no Filter, else 0). It scores the
// sum of the matching Must and Should.
type Bool struct {
	Must, Should, MustNot, Filter []Query
	MinimumShould                 *int
	Boost                         float64
}

// Term matches documents whose field holds the value exactly: keyword, int, float, date, bool; in a
// text field the value is one term as the analyzer would give it. In a text field it is scored by
// BM25, elsewhere by the constant Boost.
type Term struct {
	Field string
	Value Scalar
	Boost float64
}

// Terms matches documents whose field holds one of the values; constant score.
type Terms struct {
	Field  string
	Values []Scalar
	Boost  float64
}

// Range matches documents with a value in the interval; keyword (by bytes), int, float, date; constant
// score. A nil bound is open.
type Range struct {
	Field            string
	GT, GTE, LT, LTE *Scalar
	Boost            float64
}

// Exists matches documents that hold at least one value in the field; constant score.
type Exists struct {
	Field string
	Boost float64
}

// Prefix matches documents holding a keyword, or a term of a text field, that starts with Value;
// constant score.
type Prefix struct {
	Field string
	Value string
	Boost float64
}

// IDs matches the documents with these ids; constant score.
type IDs struct {
	Values []string
	Boost  float64
}

// SparseVector scores documents by the inner product of the query's and the document's weights; a
// document matches if they share a dimension.
type SparseVector struct {
	Field string
	// Vector ascends by Dim, weights finite and > 0.
	Vector []SparseEntry
	Boost  float64
}

// MatchAll matches every document; constant score.
type MatchAll struct{ Boost float64 }

func (*Match) isQuery()        {}
func (*Phrase) isQuery()       {}
func (*Bool) isQuery()         {}
func (*Term) isQuery()         {}
func (*Terms) isQuery()        {}
func (*Range) isQuery()        {}
func (*Exists) isQuery()       {}
func (*Prefix) isQuery()       {}
func (*IDs) isQuery()          {}
func (*SparseVector) isQuery() {}
func (*MatchAll) isQuery()     {}

// Scalar is a value in a query, already converted to its field's type.
type Scalar struct {
	// Type is the field's: TypeKeyword and TypeText use Str; TypeInt, TypeDate (ms since 1970) and
	// TypeBool (0 or 1) use Int; TypeFloat uses Float.
	Type  FieldType
	Str   string
	Int   int64
	Float float64
}
