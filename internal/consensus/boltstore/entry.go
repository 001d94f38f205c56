package boltstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// entryHeader is the size of what precedes an entry's extensions and data: checksum u32, type u8, three zero
// bytes, term u64, time of appending i64, length of the extensions u32.
const entryHeader = 28

// noTime stands for an entry without a time of appending.
const noTime = int64(-1 << 63)

// appendEntry appends the stored form of an entry to dst. The checksum covers the index too, so that a value
// found under another key is refused.
func appendEntry(dst []byte, log *raft.Log) ([]byte, error) {
	if len(log.Data)+len(log.Extensions) > MaxEntry {
		return dst, fmt.Errorf("encode entry %d of %d bytes: %w", log.Index, len(log.Data)+len(log.Extensions), ErrTooLarge)
	}
	at := noTime
	if !log.AppendedAt.IsZero() {
		at = log.AppendedAt.UnixNano()
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(log.Type), 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, log.Term)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(log.Extensions)))
	dst = append(dst, log.Extensions...)
	dst = append(dst, log.Data...)
	binary.LittleEndian.PutUint32(dst[start:], entryCRC(log.Index, dst[start+4:]))
	return dst, nil
}

// decodeEntry reads the stored form of entry index into log, which owns what it holds afterwards.
func decodeEntry(index uint64, raw []byte, log *raft.Log) error {
	if len(raw) < entryHeader {
		return fmt.Errorf("entry %d has %d bytes, fewer than its header: %w", index, len(raw), ErrCorrupt)
	}
	if binary.LittleEndian.Uint32(raw) != entryCRC(index, raw[4:]) {
		return fmt.Errorf("entry %d fails its checksum: %w", index, ErrCorrupt)
	}
	extensions := uint64(binary.LittleEndian.Uint32(raw[24:]))
	if raw[5]|raw[6]|raw[7] != 0 || extensions > uint64(len(raw)-entryHeader) {
		return fmt.Errorf("entry %d has a malformed header: %w", index, ErrCorrupt)
	}
	body := append([]byte(nil), raw[entryHeader:]...)
	*log = raft.Log{
		Index: index,
		Term:  binary.LittleEndian.Uint64(raw[8:]),
		Type:  raft.LogType(raw[4]),
		Data:  body[extensions:],
	}
	if extensions > 0 {
		log.Extensions = body[:extensions:extensions]
	}
	if at := int64(binary.LittleEndian.Uint64(raw[16:])); at != noTime {
		log.AppendedAt = time.Unix(0, at)
	}
	return nil
}

func entryCRC(index uint64, rest []byte) uint32 {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], index)
	return checksum(key[:], rest)
}

// checksum is CRC-32C over a followed by b.
func checksum(a, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(a, table), table, b)
}
