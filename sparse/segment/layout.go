package segment

import (
	"errors"
	"hash/crc32"

	"sagasu/api"
)

// FormatVersion is the version of the file that Build writes. Open reads it and 1; 2 was never in a release.
const FormatVersion = 3

// unreleasedVersion is 2.
const unreleasedVersion = 2

const (
	magic      = "SAGASUSG"
	headerSize = 16 // magic, version u32, reserved u32
	footerSize = 24 // table offset u64, table length u32, CRC-32C of header and table u32, magic
	entrySize  = 24 // kind u16, field u16, CRC-32C u32, offset u64, length u64
	termSizeV1 = 24 // postings offset u64, positions offset u64, documents u32, reserved u32

	// BlockDocs is the number of documents in a full block of postings: one block's columns fit the
	// first-level cache, and a skip passes 256 documents.
	BlockDocs = 256
	// blockHeader, of format 1, is last document u32, payload bytes u32, positions offset within the term's u32.
	blockHeader = 12
	// storedBlock is the size, before compression, at which a block of stored documents is closed:
	// large enough to compress well, small enough to decode for one hit.
	storedBlock = 16 << 10
	// maxStoredBlock bounds what a reader allocates for a block: a document of api.MaxBulkLine and a
	// vector of api.MaxDenseDims fit.
	maxStoredBlock = api.MaxBulkLine*2 + 4*api.MaxDenseDims + storedBlock
)

type sectionKind uint16

const (
	sectionMeta sectionKind = iota + 1
	sectionIDOffsets
	sectionIDs
	sectionIDHash
	sectionVersions
	sectionDigests
	sectionStored
	sectionStoredIndex
	sectionDictionary
	sectionTerms
	sectionPostings
	sectionPositions
	sectionLengths
	sectionForwardV1 // 14 and 15, of format 1, are not read: each document's terms
	_
	sectionExists
	sectionPointValues
	sectionPointDocs
	sectionStoredRows
	sectionDocFreqs
)

var (
	// ErrCorrupt is returned when a file is not what Build wrote: truncated, altered or foreign.
	ErrCorrupt = errors.New("corrupt segment")
	// ErrUnreleasedFormat is returned when a file was written by a build between two releases, in a format that no
	// release writes or reads: the index has to be built anew, or fetched from a replica of a release.
	ErrUnreleasedFormat = errors.New("segment of a format that was never released")
	// ErrNewerFormat is returned when a file was written by a newer version of sagasu.
	ErrNewerFormat = errors.New("segment of a newer format")
)

// castagnoli is the CRC-32C table; amd64 and arm64 compute it in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Shape says how a field is laid out.
type Shape uint8

// The shapes, by field type.
const (
	// ShapeText has postings with frequencies and positions, and lengths.
	ShapeText Shape = iota + 1
	// ShapeKeyword has postings of documents only.
	ShapeKeyword
	// ShapeSparse has postings with float32 weights.
	ShapeSparse
	// ShapePoints has sorted 64-bit values.
	ShapePoints
)

// ShapeOf gives the shape of a field type.
func ShapeOf(t api.FieldType) Shape {
	switch t {
	case api.TypeText:
		return ShapeText
	case api.TypeKeyword:
		return ShapeKeyword
	case api.TypeSparseVector:
		return ShapeSparse
	case api.TypeInt, api.TypeFloat, api.TypeDate, api.TypeBool:
		return ShapePoints
	}
	return ShapePoints
}

// meta is the segment's description, in JSON.
type meta struct {
	Docs       uint32      `json:"docs"`
	MinVersion uint64      `json:"min_version"`
	MaxVersion uint64      `json:"max_version"`
	Fields     []fieldMeta `json:"fields"`
}

type fieldMeta struct {
	Shape Shape `json:"shape"`
	// Terms is the number of keys of the dictionary.
	Terms uint32 `json:"terms,omitempty"`
	// Norm is what the impacts of a text were computed with.
	Norm Norm `json:"norm"`
}
