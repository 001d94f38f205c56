package segment

// Stored is what a segment gives back of a document.
type Stored struct {
	Source []byte
	// Vector is nil if the document came without one.
	Vector []float32
}

// Columns are a document's fixed-width values.
type Columns struct {
	Version uint64
	// Digest is a hash of id, version and content.
	Digest uint64
}

// Source is what Build reads: a memory segment to flush, or segments to merge.
type Source interface {
	NumDocs() uint32
	// ID gives a document's id; valid while the source is.
	ID(doc uint32) string
	Columns(doc uint32) Columns
	Stored(doc uint32) (Stored, error)
	// Field gives the content of the field with the ordinal.
	Field(ordinal int) FieldSource
}

// FieldSource is the content of one field.
type FieldSource interface {
	// Entries iterates the keys ascending by bytes, for inverted shapes.
	Entries() Entries
	// Length is a document's number of tokens, for ShapeText.
	Length(doc uint32) uint32
	// Points gives the values and, parallel, their documents, in any order; ShapePoints.
	Points() (values []int64, docs []uint32)
}

// Entries iterates over keys and their postings.
type Entries interface {
	// Next moves to the next key, false at the end or on an error.
	Next() bool
	// Key is the present key; valid until Next.
	Key() []byte
	// Postings of the present key; valid until the next call of any method.
	Postings() Postings
	Err() error
}

// Postings are the documents of one key, ascending, in blocks. The slices belong to the
// Postings and are valid until the next call of NextBlock or SeekBlock.
type Postings interface {
	// NextBlock moves to the next block, false at the end or on an error.
	NextBlock() bool
	// SeekBlock moves to the first block, the present one included, whose last document is at least doc.
	SeekBlock(doc uint32) bool
	// Docs are the present block's documents.
	Docs() []uint32
	// Freqs are parallel to Docs: frequencies (text) or float32 bits (sparse); nil for keywords.
	Freqs() []uint32
	// Positions appends the positions of the i-th document of the block, ascending; text only.
	Positions(dst []uint32, i int) []uint32
	Err() error
}

// BlockPositions is implemented by Postings that keep positions as segments do.
type BlockPositions interface {
	// BlockPositions appends to dst what AppendPositions makes of the positions of the block's documents, one after the
	// other, and to ends where those of each end in dst. ok is false where they can't be read. Text only.
	BlockPositions(dst []byte, ends []uint32) (bytes []byte, all []uint32, ok bool)
}
