package segment

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"sagasu/internal/vfs"
)

// Reader reads one segment; safe for concurrent use.
type Reader struct {
	path    string
	mapping vfs.Mapping
	meta    meta

	format              uint32
	idOffsets, versions column
	ids, digests        []byte
	idTable             idTable
	stored, storedIndex []byte
	// storedRows has no values where documents are stored in the order of their numbers.
	storedRows column
	fields     []*Field
	zstd       *zstd.Decoder
}

// Open maps the segment at path and verifies all of it, as Verify does. shapes are what the schema says of the
// fields, by ordinal; a file that says otherwise is corrupt. Errors name the file.
func Open(fs vfs.FS, path string, shapes []Shape) (*Reader, error) {
	m, err := fs.Map(path)
	if err != nil {
		return nil, fmt.Errorf("open segment %s: %w", path, err)
	}
	r := &Reader{path: path, mapping: m}
	if err := r.load(m.Bytes(), shapes); err != nil {
		closeErr := m.Close()
		if closeErr != nil {
			return nil, fmt.Errorf("open segment %s: %w (and close: %w)", path, err, closeErr)
		}
		return nil, fmt.Errorf("open segment %s: %w", path, err)
	}
	return r, nil
}

// Close unmaps the file. Nothing that the reader gave may be used afterwards.
func (r *Reader) Close() error {
	r.zstd.Close()
	return r.mapping.Close()
}

// Path is the file's path.
func (r *Reader) Path() string { return r.path }

// Size is the file's size in bytes.
func (r *Reader) Size() int64 { return int64(len(r.mapping.Bytes())) }

func (r *Reader) load(data []byte, shapes []Shape) error {
	sections, err := readTable(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(sections.get(sectionMeta, 0), &r.meta); err != nil {
		return fmt.Errorf("%w: description: %w", ErrCorrupt, err)
	}
	if len(r.meta.Fields) != len(shapes) {
		return fmt.Errorf("%w: %d fields, the schema has %d", ErrCorrupt, len(r.meta.Fields), len(shapes))
	}
	r.format = binary.LittleEndian.Uint32(data[8:])
	r.ids, r.digests = sections.get(sectionIDs, 0), sections.get(sectionDigests, 0)
	r.stored, r.storedIndex = sections.get(sectionStored, 0), sections.get(sectionStoredIndex, 0)
	if !r.openColumns(sections) {
		return fmt.Errorf("%w: sections do not fit %d documents", ErrCorrupt, r.meta.Docs)
	}
	for ordinal, shape := range shapes {
		f, err := openField(sections, ordinal, shape, r.meta, r.format)
		if err != nil {
			return fmt.Errorf("field %d: %w", ordinal, err)
		}
		r.fields = append(r.fields, f)
	}
	r.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxStoredBlock))
	if err != nil {
		return fmt.Errorf("make decompressor: %w", err)
	}
	return nil
}

// openColumns reports whether what is by document is of as many as there are.
func (r *Reader) openColumns(sections sectionMap) bool {
	docs := uint64(r.meta.Docs)
	r.idTable = idTable{data: sections.get(sectionIDHash, 0), docBits: bits.Len32(r.meta.Docs)}
	offsets, versions, rows := false, false, true
	slots := idSlots(r.meta.Docs)
	if r.format == 1 {
		slots = idSlotsV1(r.meta.Docs)
		r.idOffsets, offsets = wholeColumn(sections.get(sectionIDOffsets, 0), docs+1, 8)
		r.versions, versions = wholeColumn(sections.get(sectionVersions, 0), docs, 8)
	} else {
		r.idOffsets, offsets = openColumn(sections.get(sectionIDOffsets, 0), docs+1)
		r.versions, versions = openColumn(sections.get(sectionVersions, 0), docs)
		if of := sections.get(sectionStoredRows, 0); of != nil {
			r.storedRows, rows = openColumn(of, docs)
		}
	}
	return offsets && versions && rows && uint64(len(r.digests)) == 8*docs && r.idTable.slots() == slots &&
		len(r.storedIndex) >= 16 && len(r.storedIndex)%16 == 0
}

type sectionID struct {
	kind  sectionKind
	field uint16
}

type sectionMap map[sectionID][]byte

func (s sectionMap) get(kind sectionKind, field int) []byte {
	return s[sectionID{kind, uint16(field)}]
}

// readTable checks all that Verify does and gives the sections.
func readTable(data []byte) (sectionMap, error) {
	if v, newer := isNewer(data); newer {
		return nil, fmt.Errorf("%w: version %d, this build reads up to %d", ErrNewerFormat, v, FormatVersion)
	}
	list, err := verify(data, func(int) error { return nil })
	if err != nil {
		return nil, err
	}
	if v := binary.LittleEndian.Uint32(data[8:]); v == unreleasedVersion {
		return nil, fmt.Errorf("%w: version %d; build the index anew", ErrUnreleasedFormat, v)
	}
	sections := make(sectionMap, len(list))
	for _, p := range list {
		sections[p.id] = data[p.at : p.at+p.size]
	}
	return sections, nil
}

// NumDocs is the number of documents, deleted ones included.
func (r *Reader) NumDocs() uint32 { return r.meta.Docs }

// MaxVersion is the highest version of a document in it.
func (r *Reader) MaxVersion() uint64 { return r.meta.MaxVersion }

// ID gives a document's id, valid until Close.
func (r *Reader) ID(doc uint32) string {
	from, to := r.idOffsets.at(doc), r.idOffsets.at(doc+1)
	if from >= to || to > uint64(len(r.ids)) {
		return ""
	}
	return unsafe.String(&r.ids[from], to-from)
}

// Lookup finds a document by its id.
func (r *Reader) Lookup(id string) (uint32, bool) {
	if r.format == 1 {
		return r.idTable.findV1(id, r.meta.Docs, r.ID)
	}
	return r.idTable.find(id, r.meta.Docs, r.ID)
}

// Columns gives a document's version and digest.
func (r *Reader) Columns(doc uint32) Columns {
	return Columns{
		Version: r.versions.at(doc),
		Digest:  binary.LittleEndian.Uint64(r.digests[8*doc:]),
	}
}

// Field gives the content of the field with the ordinal.
func (r *Reader) Field(ordinal int) FieldSource { return r.fields[ordinal] }

// Column is Field with everything that queries need.
func (r *Reader) Column(ordinal int) *Field { return r.fields[ordinal] }
