package segment

import (
	"encoding/binary"
	"math/bits"
)

// ShortPosition bounds the only position of a document that AppendPositions makes the byte of its value.
const ShortPosition = 0x80

// Positions of a document are gaps, the first from 0, each in little-endian groups of bits: bytes from positionMore on of 5
// bits, then one that ends the gap: below positionStop, with 7 bits, it ends the document too; from there on it is the
// number above positionStop. Most positions of a document in which the term is once take one byte.
const (
	positionStop = ShortPosition
	positionMore = 0xe0
	moreBits     = 5
)

// AppendPositions appends the positions of one document, ascending and at least one, in the form of segments, which
// ReadPositions reads.
func AppendPositions(dst []byte, positions []uint32) []byte {
	last := uint32(0)
	for i, p := range positions {
		gap := p - last
		last = p
		most, add := uint32(positionMore-positionStop), uint32(positionStop)
		if i == len(positions)-1 {
			most, add = positionStop, 0
		}
		for gap >= most {
			dst = append(dst, byte(gap)|positionMore)
			gap >>= moreBits
		}
		dst = append(dst, byte(gap+add))
	}
	return dst
}

// ReadPositions appends to dst the positions of the document at the start of data. ok is false where data ends too soon.
func ReadPositions(dst []uint32, data []byte) (positions []uint32, ok bool) {
	at, gap, shift := uint32(0), uint32(0), uint(0)
	for _, b := range data {
		if b >= positionMore {
			gap |= uint32(b&^positionMore) << (shift & 31)
			shift += moreBits
			continue
		}
		at += gap | uint32(b&^positionStop)<<(shift&31)
		dst = append(dst, at)
		if b < positionStop {
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
		// The last byte of a document is the one with the high bit clear.
		stops := ^w & 0x8080808080808080
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
		if data[at] < positionStop {
			n--
		}
	}
	return at
}

// endsOfPositions appends to ends where the positions of each of n documents end in data, offsets being added to base, and
// gives the last end in data. ok is false where data ends too soon.
func endsOfPositions(ends []uint32, data []byte, n int, base uint32) (all []uint32, end int, ok bool) {
	at := 0
	for n > 0 && at+8 <= len(data) {
		stops := ^binary.LittleEndian.Uint64(data[at:]) & 0x8080808080808080
		for ; stops != 0 && n > 0; stops &= stops - 1 {
			end = at + bits.TrailingZeros64(stops)/8 + 1
			ends = append(ends, base+uint32(end))
			n--
		}
		at += 8
	}
	for ; n > 0 && at < len(data); at++ {
		if data[at] < positionStop {
			end = at + 1
			ends = append(ends, base+uint32(end))
			n--
		}
	}
	return ends, end, n == 0
}

// CutPositions gives the bytes of the positions of the document at the start of data.
func CutPositions(data []byte) []byte { return data[:skipPositions(data, 1)] }
