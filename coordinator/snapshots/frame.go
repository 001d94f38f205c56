package snapshots

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The kinds of objects that are not files of shards, by their magic.
const (
	magicManifest = "SGSNAP\r\n"
	magicShard    = "SGSHRD\r\n"
	magicMark     = "SGREPO\r\n"
)

const (
	// frameVersion is written; 1 up to it are read.
	frameVersion = 1
	frameHeader  = 8 + 4 + 8 + sha256.Size
)

// encodeFrame gives an object: a header and a JSON body.
func encodeFrame(magic string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	out := append(make([]byte, 0, frameHeader+len(text)), magic...)
	out = binary.LittleEndian.AppendUint32(out, frameVersion)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(text)))
	sum := sha256.Sum256(text)
	return append(append(out, sum[:]...), text...), nil
}

// decodeFrame reads what encodeFrame gave, strictly: a member that is not known is from a program that should have
// raised the version. It returns ErrNewerFormat or ErrFormat.
func decodeFrame(magic string, data []byte, into any) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
	}
	if len(data) < frameHeader || string(data[:8]) != magic {
		return bad("%d bytes that don't begin as they should", len(data))
	}
	version := binary.LittleEndian.Uint32(data[8:])
	text := data[frameHeader:]
	switch {
	case version > frameVersion:
		return fmt.Errorf("%w: version %d, this program reads up to %d", ErrNewerFormat, version, frameVersion)
	case version == 0:
		return bad("version 0")
	case binary.LittleEndian.Uint64(data[12:]) != uint64(len(text)):
		return bad("%d bytes, %d are announced", len(text), binary.LittleEndian.Uint64(data[12:]))
	case sha256.Sum256(text) != [sha256.Size]byte(data[20:frameHeader]):
		return bad("the checksum differs")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bad("%w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("data after the value")
	}
	return nil
}
