// Package segment is the immutable file an index keeps its documents in: a builder, a reader, and the
// postings between them. docs/formats/segment.md describes the bytes.
//
// A segment numbers its documents 0, 1, 2, ... in the order they came. A field is addressed by its
// ordinal, which is its rank among the schema's field names. Three kinds of field share one inverted
// structure, a dictionary of keys with postings: text (frequencies and positions), keyword (documents
// only) and sparse_vector (keys are dimensions, big-endian; frequencies are the bits of float32
// weights). Numeric fields are sorted points.
package segment
