package segment

import (
	"encoding/binary"
	"math/bits"
)

// Positions of a document are gaps, the first from 0, each in little-endian groups of bits: bytes of 7 bits with the high
// bit set, then one of 6 bits without it, whose bit 6 says that it ends the document.
const (
	positionMore = 0x80
	positionStop = 0x40
)

// AppendPositions appends the positions of one document, ascending and at least one, in the form of segments, which
// ReadPositions reads.
func AppendPositions(dst []byte, positions []uint32) []byte {
	last := uint32(0)
	for i, p := range positions {
		gap := p - last
		last = p
		for gap >= positionStop {
			dst = append(dst, byte(gap)|positionMore)
			gap >>= 7
		}
		if i == len(positions)-1 {
			gap |= positionStop
		}
		dst = append(dst, byte(gap))
	}
	return dst
}

// ReadPositions appends to dst the positions of the document at the start of data. ok is false where data ends too soon.
func ReadPositions(dst []uint32, data []byte) (positions []uint32, ok bool) {
	at, gap, shift := uint32(0), uint32(0), uint(0)
	for _, b := range data {
		if b&positionMore != 0 {
			gap |= uint32(b&^positionMore) << (shift & 31)
			shift += 7
			continue
		}
		at += gap | uint32(b&^positionStop)<<(shift&31)
		dst = append(dst, at)
		if b&positionStop != 0 {
			return dst, true
		}
		gap, shift = 0, 0
	}
	return dst, false
}

// skipPositions gives the offset after n documents, at most len(data).
func skipPositions(data []byte, n int) int {
	at := 0
	for n > 0 && at+8 <= len(data) {
		w := binary.LittleEndian.Uint64(data[at:])
		// The last byte of a document is the one with bit 7 clear and bit 6 set.
		stops := (w << 1) &^ w & 0x8080808080808080
		if c := bits.OnesCount64(stops); c < n {
			n -= c
			at += 8
			continue
		}
		for ; n > 1; n-- {
			stops &= stops - 1
		}
		return at + bits.TrailingZeros64(stops)/8 + 1
	}
	for ; n > 0 && at < len(data); at++ {
		if data[at]&(positionMore|positionStop) == positionStop {
			n--
		}
	}
	return at
}

// CutPositions gives the bytes of the positions of the document at the start of data.
func CutPositions(data []byte) []byte { return data[:skipPositions(data, 1)] }
