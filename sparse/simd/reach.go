package simd

import (
	"encoding/binary"
	"math/bits"
)

// Run is the number of values that Reach looks at.
const Run = 256

// Places are the places of a run, as bits.
type Places [Run / 64]uint64

// Reach gives the places of the values, at most Run, that are at least least.
func Reach(values []uint8, least uint8) Places {
	var out Places
	values = values[:min(len(values), Run)]
	at := 0
	if vectors {
		at = reachVector(&out, values, least)
	}
	reachScalar(&out, values, at, least)
	return out
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
	// gather multiplies the lowest bits of eight bytes into the highest byte.
	gather = 0x0102040810204080
)

// reachEight sets the high bit of each byte whose value, of the first eight, is at least least.
func reachEight(values []uint8, least uint8) uint64 {
	x := binary.LittleEndian.Uint64(values)
	// The high bit of each byte says whether its lower seven reach those of least.
	reach := x&^highBits + uint64(128-int(least&127))*everyByte
	if least < 128 {
		reach |= x
	} else {
		reach &= x
	}
	return reach & highBits
}

// Next gives the place of the first value from at on that is at least least, len(values) if there is none.
func Next(values []uint8, at int, least uint8) int {
	for ; at+8 <= len(values); at += 8 {
		if reach := reachEight(values[at:], least); reach != 0 {
			return at + bits.TrailingZeros64(reach)/8
		}
	}
	for ; at < len(values); at++ {
		if values[at] >= least {
			return at
		}
	}
	return len(values)
}

// reachScalar adds the places from at on, which is a multiple of eight.
func reachScalar(out *Places, values []uint8, at int, least uint8) {
	for ; at+8 <= len(values); at += 8 {
		if reach := reachEight(values[at:], least); reach != 0 {
			out[at/64&3] |= reach >> 7 * gather >> 56 << (at % 64)
		}
	}
	for ; at < len(values); at++ {
		if values[at] >= least {
			out[at/64] |= 1 << (at % 64)
		}
	}
}

// Any reports whether there is a place.
func (p *Places) Any() bool { return p[0]|p[1]|p[2]|p[3] != 0 }

// Next gives the first place at or after one, Run if there is none.
func (p *Places) Next(at int) int {
	for word := at / 64; word < len(p); word++ {
		if w := p[word] >> (at % 64); w != 0 {
			return at + bits.TrailingZeros64(w)
		}
		at = (word + 1) * 64
	}
	return Run
}
