package sparse

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// manifestVersion is the version of the file that is written. 1 up to it are read.
const manifestVersion = 1

const (
	manifestMagic  = "SAGASUMF"
	manifestHeader = 20 // magic, version u32, body length u32, CRC-32C of the body u32
)

// manifest says what an index consists of as of an applied index.
type manifest struct {
	applied  uint64
	version  uint64
	state    []byte
	segments []durableSegment
}

type durableSegment struct {
	part    *part
	deleted *roaring.Bitmap // nil for none; never changed
}

// manifestBody is the JSON of a manifest file.
type manifestBody struct {
	Applied  uint64            `json:"applied"`
	Version  uint64            `json:"version"`
	NextFile uint64            `json:"next_file"`
	Schema   api.Schema        `json:"schema"`
	State    []byte            `json:"state,omitempty"`
	Segments []manifestSegment `json:"segments"`
}

type manifestSegment struct {
	Number uint64 `json:"number"`
	// Deleted is a roaring bitmap in its portable format.
	Deleted []byte `json:"deleted,omitempty"`
}

// writeManifest replaces the manifest of a directory, atomically and durably.
func (x *Index) writeManifest(dir string, m manifest) error {
	body := manifestBody{
		Applied: m.applied, Version: m.version, NextFile: x.nextFile.Load(),
		Schema: x.cfg.Schema, State: m.state, Segments: []manifestSegment{},
	}
	for _, s := range m.segments {
		row := manifestSegment{Number: s.part.number}
		if s.deleted != nil && !s.deleted.IsEmpty() {
			data, err := s.deleted.ToBytes()
			if err != nil {
				return fmt.Errorf("encode deletions of segment %d: %w", s.part.number, err)
			}
			row.Deleted = data
		}
		body.Segments = append(body.Segments, row)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	file := append([]byte(manifestMagic), make([]byte, manifestHeader-len(manifestMagic))...)
	binary.LittleEndian.PutUint32(file[8:], manifestVersion)
	binary.LittleEndian.PutUint32(file[12:], uint32(len(text)))
	binary.LittleEndian.PutUint32(file[16:], crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	return replaceFile(x.cfg.FS, dir, append(file, text...))
}

// replaceFile writes the manifest beside the old one, syncs it and renames it over.
func replaceFile(fs vfs.FS, dir string, data []byte) error {
	temp := filepath.Join(dir, manifestTempName)
	f, err := fs.Create(temp)
	if err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write manifest %s: %w", temp, err)
	}
	if err := fs.Rename(temp, filepath.Join(dir, manifestName)); err != nil {
		return fmt.Errorf("replace manifest: %w", err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return fmt.Errorf("sync index directory %s: %w", dir, err)
	}
	return nil
}

// parseManifest checks and decodes a manifest file.
func parseManifest(data []byte) (manifestBody, error) {
	var body manifestBody
	if len(data) < manifestHeader || string(data[:8]) != manifestMagic {
		return body, fmt.Errorf("%w: not a manifest", ErrCorrupt)
	}
	v, text := binary.LittleEndian.Uint32(data[8:]), data[manifestHeader:]
	said := binary.LittleEndian.Uint32(data[16:])
	switch {
	case v == 0:
		return body, fmt.Errorf("%w: manifest of version 0", ErrCorrupt)
	case v > manifestVersion && said == laterChecksum(data):
		return body, fmt.Errorf("%w: version %d, this build reads up to %d", ErrNewerFormat, v, manifestVersion)
	case v > manifestVersion:
		return body, fmt.Errorf("%w: version of the manifest", ErrCorrupt)
	case uint64(len(text)) != uint64(binary.LittleEndian.Uint32(data[12:])) || len(text) > maxManifest:
		return body, fmt.Errorf("%w: manifest of %d bytes is truncated or too long", ErrCorrupt, len(data))
	case crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)) != said:
		return body, fmt.Errorf("%w: checksum of the manifest", ErrCorrupt)
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return body, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	return body, nil
}

// laterChecksum is what versions after 1 have where that has the checksum of its body: it covers version and length
// too, so that a damaged version is not taken for a newer one, whatever else is damaged.
func laterChecksum(data []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(data[8:16], table), table, data[manifestHeader:])
}
