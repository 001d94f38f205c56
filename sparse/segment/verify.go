package segment

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"sagasu/internal/vfs"
)

// verifyStep is how many bytes are read between two calls of a pace: a hundredth of a second's worth on a slow disk.
const verifyStep = 1 << 20

// sectionNames are the sections in words, for those who read an error.
var sectionNames = map[sectionKind]string{
	sectionMeta: "description", sectionIDOffsets: "offsets of ids", sectionIDs: "ids", sectionIDHash: "table of ids",
	sectionVersions: "versions", sectionDigests: "digests", sectionStored: "stored documents",
	sectionStoredIndex: "index of stored documents", sectionDictionary: "dictionary", sectionTerms: "terms",
	sectionPostings: "postings", sectionPositions: "positions", sectionLengths: "lengths",
	sectionForwardV1: "offsets of the documents' terms", sectionForwardV1 + 1: "the documents' terms",
	sectionExists: "documents that have it", sectionPointValues: "values", sectionPointDocs: "documents of values",
	sectionStoredRows: "rows of stored documents", sectionDocFreqs: "frequencies of terms",
}

// String names the section: "positions of field 2", "ids".
func (id sectionID) String() string {
	name, ok := sectionNames[id.kind]
	if !ok {
		name = fmt.Sprintf("section %d", id.kind)
	}
	if id.kind < sectionDictionary || id.kind == sectionStoredRows {
		return name
	}
	return fmt.Sprintf("%s of field %d", name, id.field)
}

type placed struct {
	id       sectionID
	sum      uint32
	at, size uint64
}

// Verify reads the mapped file again and checks all of it: header, footer, table of contents, every section's
// checksum, and that what lies between the sections is zero. It finds what rotted after Open. pace is called with
// the number of bytes before they are read, and may wait; its error ends Verify, as the context's does. Whatever
// differs gives ErrCorrupt naming the file and the section.
func (r *Reader) Verify(ctx context.Context, pace func(bytes int) error) error {
	step := func(bytes int) error { return cmp.Or(ctx.Err(), pace(bytes)) }
	if _, err := verify(r.mapping.Bytes(), step); err != nil {
		return fmt.Errorf("verify segment %s: %w", r.path, err)
	}
	return nil
}

// VerifyFile does what Reader.Verify does with a file that nobody has open, whatever its schema is.
func VerifyFile(ctx context.Context, fs vfs.FS, path string, pace func(bytes int) error) (err error) {
	m, err := fs.Map(path)
	if err != nil {
		return fmt.Errorf("verify segment %s: %w", path, err)
	}
	err = (&Reader{path: path, mapping: m}).Verify(ctx, pace)
	if closeErr := m.Close(); err == nil && closeErr != nil {
		return fmt.Errorf("verify segment %s: %w", path, closeErr)
	}
	return err
}

// verify checks a whole file and gives its sections in the order they lie in it. step is called before every read.
func verify(data []byte, step func(bytes int) error) ([]placed, error) {
	list, err := placements(data)
	if err != nil {
		return nil, err
	}
	at := uint64(headerSize)
	for _, p := range list {
		if err := zeroBetween(data, at, p.at); err != nil {
			return nil, fmt.Errorf("%w, before %s", err, p.id)
		}
		sum := uint32(0)
		for body := data[p.at : p.at+p.size]; len(body) > 0; {
			part := body[:min(len(body), verifyStep)]
			if err := step(len(part)); err != nil {
				return nil, err
			}
			sum, body = crc32.Update(sum, castagnoli, part), body[len(part):]
		}
		if sum != p.sum {
			return nil, fmt.Errorf("%w: checksum of %s", ErrCorrupt, p.id)
		}
		at = max(at, p.at+p.size)
	}
	table := binary.LittleEndian.Uint64(data[len(data)-footerSize:])
	if err := zeroBetween(data, at, table); err != nil {
		return nil, fmt.Errorf("%w, before the table of contents", err)
	}
	size := uint64(binary.LittleEndian.Uint32(data[len(data)-footerSize+8:]))
	if err := zeroBetween(data, table+size, uint64(len(data)-footerSize)); err != nil {
		return nil, fmt.Errorf("%w, before the footer", err)
	}
	return list, nil
}

// placements checks what frames the sections and gives them in the order of the file.
func placements(data []byte) ([]placed, error) {
	if err := checkHeader(data); err != nil {
		return nil, err
	}
	foot := data[len(data)-footerSize:]
	if string(foot[16:]) != magic {
		return nil, fmt.Errorf("%w: truncated, no footer", ErrCorrupt)
	}
	end := uint64(len(data) - footerSize)
	at, size := binary.LittleEndian.Uint64(foot), uint64(binary.LittleEndian.Uint32(foot[8:]))
	if at > end || size > end-at || size%entrySize != 0 {
		return nil, fmt.Errorf("%w: table of contents lies outside the file", ErrCorrupt)
	}
	table := data[at : at+size]
	if frameSum(data[:headerSize], table) != binary.LittleEndian.Uint32(foot[12:]) {
		return nil, fmt.Errorf("%w: checksum of the table of contents", ErrCorrupt)
	}
	list := make([]placed, 0, len(table)/entrySize)
	for ; len(table) > 0; table = table[entrySize:] {
		p := placed{
			id:  sectionID{sectionKind(binary.LittleEndian.Uint16(table)), binary.LittleEndian.Uint16(table[2:])},
			sum: binary.LittleEndian.Uint32(table[4:]),
			at:  binary.LittleEndian.Uint64(table[8:]), size: binary.LittleEndian.Uint64(table[16:]),
		}
		if p.at > at || p.size > at-p.at {
			return nil, fmt.Errorf("%w: %s lies outside the file", ErrCorrupt, p.id)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	return list, nil
}

// isNewer tells a file of a later version from one whose version rotted: header, footer and the checksum of header and
// table are the same in all of them.
func isNewer(data []byte) (version uint32, newer bool) {
	if len(data) < headerSize+footerSize || string(data[:8]) != magic {
		return 0, false
	}
	version = binary.LittleEndian.Uint32(data[8:])
	end := uint64(len(data) - footerSize)
	foot := data[end:]
	at, size := binary.LittleEndian.Uint64(foot), uint64(binary.LittleEndian.Uint32(foot[8:]))
	if version <= FormatVersion || at > end || size > end-at {
		return version, false
	}
	return version, frameSum(data[:headerSize], data[at:at+size]) == binary.LittleEndian.Uint32(foot[12:])
}

// frameSum is the checksum of header and table. Up to unreleasedVersion it was that of the table.
func frameSum(header, table []byte) uint32 {
	sum := uint32(0)
	if binary.LittleEndian.Uint32(header[8:]) > unreleasedVersion {
		sum = crc32.Checksum(header, castagnoli)
	}
	return crc32.Update(sum, castagnoli, table)
}

// checkHeader refuses every version but those this build reads. Open has told a newer one from damage before; one
// that appears later is damage, whatever it says.
func checkHeader(data []byte) error {
	if len(data) < headerSize+footerSize {
		return fmt.Errorf("%w: %d bytes, shorter than header and footer", ErrCorrupt, len(data))
	}
	if string(data[:8]) != magic {
		return fmt.Errorf("%w: header: not a segment", ErrCorrupt)
	}
	// One of a version that this build does not read may be damage; it is told apart by the checksum.
	if v := binary.LittleEndian.Uint32(data[8:]); v == 0 || v > FormatVersion {
		return fmt.Errorf("%w: header: version %d", ErrCorrupt, v)
	}
	if v := binary.LittleEndian.Uint32(data[12:]); v != 0 {
		return fmt.Errorf("%w: header: its reserved bytes are %#x", ErrCorrupt, v)
	}
	return nil
}

// zeroBetween checks the padding of a stretch of the file; none is left where it ends before it begins.
func zeroBetween(data []byte, from, to uint64) error {
	for ; from < to; from++ {
		if data[from] != 0 {
			return fmt.Errorf("%w: byte %d of the padding", ErrCorrupt, from)
		}
	}
	return nil
}
