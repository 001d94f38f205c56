package jobs

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// format is the version of what is written here.
const format = 1

// castagnoli is the polynomial of all checksums.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// sumBytes is the length of a checksum in hexadecimal digits.
const sumBytes = 8

// appendRecord appends a line: the checksum of the JSON after it, a space, the JSON.
func appendRecord(dst []byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("encode record: %w", err)
	}
	dst = fmt.Appendf(dst, "%08x ", crc32.Checksum(data, castagnoli()))
	dst = append(dst, data...)
	return append(dst, '\n'), nil
}

// readRecord reads a line that appendRecord made, without its end, or gives ErrDamaged.
func readRecord(line []byte, into any) error {
	if len(line) <= sumBytes || line[sumBytes] != ' ' {
		return fmt.Errorf("record of %d bytes has no checksum: %w", len(line), ErrDamaged)
	}
	var sum [sumBytes / 2]byte
	if _, err := hex.Decode(sum[:], line[:sumBytes]); err != nil {
		return fmt.Errorf("checksum %.8q: %w", line, ErrDamaged)
	}
	data := line[sumBytes+1:]
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	if crc32.Checksum(data, castagnoli()) != want {
		return fmt.Errorf("checksum of a record: %w", ErrDamaged)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("record: %w: %w", ErrDamaged, err)
	}
	return nil
}

// decodeDescription reads a job's file. ErrDamaged, ErrNewerFormat.
func decodeDescription(data []byte) (description, error) {
	var d description
	line, rest, ended := bytes.Cut(data, []byte{'\n'})
	if !ended || len(rest) > 0 {
		return d, fmt.Errorf("description is not one line: %w", ErrDamaged)
	}
	if err := readRecord(line, &d); err != nil {
		return d, err
	}
	blocks := int64(0)
	if d.Block > 0 {
		blocks = (d.Bytes + int64(d.Block) - 1) / int64(d.Block)
	}
	switch {
	case d.Format > format:
		return d, fmt.Errorf("format %d, this build reads up to %d: %w", d.Format, format, ErrNewerFormat)
	case d.Format < 1 || d.Block <= 0 || d.Bytes < 0 || d.Lines < 0 || d.Index == "" || int64(len(d.Sums)) != blocks:
		return d, fmt.Errorf("description contradicts itself: %w", ErrDamaged)
	}
	return d, checkID(d.ID)
}

// decodeJournal gives each record of a journal. Only its end may be torn: nobody has relied upon that. What is damaged
// before it is ErrDamaged.
func decodeJournal(data []byte, each func(progress) error) error {
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		if !ended {
			return nil
		}
		var p progress
		if err := readRecord(line, &p); err != nil {
			if len(rest) == 0 {
				return nil
			}
			return err
		}
		if err := each(p); err != nil {
			return err
		}
		data = rest
	}
	return nil
}
