package consensus

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Layout of an entry's data, integers little-endian; described in docs/formats/raft-log.md.
const (
	envelopeVersion = 1
	envelopeHeader  = 32 // checksum u32, version u8, zero u8, flags, type, version, min reader u16, zero u16, key
	envelopeHash    = 16 // index u64 and hash u64, when flagStateHash is set
	// flagStateHash says that the proposer's state hash precedes the payload.
	flagStateHash uint16 = 1 << 15
)

// checkpoint is the hash of a machine's state after all commands up to index.
type checkpoint struct{ index, hash uint64 }

// envelope is a decoded entry.
type envelope struct {
	Proposal
	stamp checkpoint // zero without flagStateHash
}

// encode appends the entry's data to dst.
func (e *envelope) encode(dst []byte) []byte {
	start := len(dst)
	flags := e.Flags
	if e.stamp.index != 0 {
		flags |= flagStateHash
	}
	dst = append(dst, 0, 0, 0, 0, envelopeVersion, 0)
	for _, v := range []uint16{flags, e.Type, e.Version, e.MinReader, 0} {
		dst = binary.LittleEndian.AppendUint16(dst, v)
	}
	dst = append(dst, e.Key[:]...)
	if e.stamp.index != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, e.stamp.index)
		dst = binary.LittleEndian.AppendUint64(dst, e.stamp.hash)
	}
	dst = append(dst, e.Payload...)
	binary.LittleEndian.PutUint32(dst[start:], envelopeCRC(dst[start+4:]))
	return dst
}

// decodeEnvelope reads an entry's data, of which the payload stays a part. ErrEnvelope tells of damage,
// ErrUnreadable of an entry that only a newer program may read; then its flags, type and key are valid.
func decodeEnvelope(data []byte) (envelope, error) {
	var e envelope
	if len(data) < envelopeHeader {
		return e, fmt.Errorf("decode entry of %d bytes, fewer than its header: %w", len(data), ErrEnvelope)
	}
	if binary.LittleEndian.Uint32(data) != envelopeCRC(data[4:]) {
		return e, fmt.Errorf("decode entry: wrong checksum: %w", ErrEnvelope)
	}
	e.Flags = binary.LittleEndian.Uint16(data[6:])
	e.Type = binary.LittleEndian.Uint16(data[8:])
	e.Version = binary.LittleEndian.Uint16(data[10:])
	e.MinReader = binary.LittleEndian.Uint16(data[12:])
	copy(e.Key[:], data[16:32])
	if data[4] != envelopeVersion {
		return e, fmt.Errorf("decode entry with envelope version %d, this program reads %d: %w",
			data[4], envelopeVersion, ErrUnreadable)
	}
	if e.MinReader > ReaderVersion {
		return e, fmt.Errorf("decode entry of type %d, which needs reader %d, this program is %d: %w",
			e.Type, e.MinReader, ReaderVersion, ErrUnreadable)
	}
	return e, e.decodeBody(data)
}

func (e *envelope) decodeBody(data []byte) error {
	e.Payload = data[envelopeHeader:]
	if data[5] != 0 || data[14]|data[15] != 0 || e.Flags&^(FlagIgnorable|flagStateHash) != 0 {
		return fmt.Errorf("decode entry with flags %#x: unknown bits: %w", e.Flags, ErrUnreadable)
	}
	if e.Flags&flagStateHash == 0 {
		return nil
	}
	if len(e.Payload) < envelopeHash {
		return fmt.Errorf("decode entry of %d bytes with a state hash: too short: %w", len(data), ErrEnvelope)
	}
	e.stamp.index = binary.LittleEndian.Uint64(e.Payload)
	e.stamp.hash = binary.LittleEndian.Uint64(e.Payload[8:])
	if e.stamp.index == 0 {
		return fmt.Errorf("decode entry with a state hash of index 0: %w", ErrEnvelope)
	}
	e.Flags &^= flagStateHash
	e.Payload = e.Payload[envelopeHash:]
	return nil
}

func envelopeCRC(rest []byte) uint32 { return crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli)) }
