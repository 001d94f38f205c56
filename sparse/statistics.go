package sparse

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
}
