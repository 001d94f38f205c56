package simd

import "unsafe"

// Lanes is the number of values that a packed run keeps side by side, so that one vector instruction works on eight
// neighbours: value i is in lane i mod 8, and each lane is a stream of words, the lanes' words interleaved.
const Lanes = 8

// maxWidth is the most bits of a value.
const maxWidth = 31

// Unpack reads a run of values of width bits, at most 31, packed in lanes.
func Unpack(values *[Run]uint32, src []uint32, width uint) {
	if vectors {
		unpackVector(values, src, width)
		return
	}
	unpackScalar(values, src, width)
}

// AddUp makes documents of gaps, in place: each is its gap and one above the one before; next is the lowest that the first
// can be.
func AddUp(gaps []uint32, next uint32) {
	if vectors {
		n := len(gaps) &^ (Lanes - 1)
		next = addUpVector(gaps[:n], next)
		gaps = gaps[n:]
	}
	addUpScalar(gaps, next)
}

// both is ones at the start of both halves of a word.
const both = 1<<32 | 1

// unpackScalar is Unpack. Two neighbouring Lanes are shifted and masked at once; the compiler keeps single
// words in registers but not arrays, hence four times the same.
func unpackScalar(gaps *[Run]uint32, src []uint32, width uint) {
	w := width & maxWidth
	if w == 0 {
		*gaps = [Run]uint32{}
		return
	}
	mask := (uint64(1)<<w - 1) * both
	src = src[:Lanes*w] // all that is read
	data, word, shift := unsafe.Pointer(unsafe.SliceData(src)), uintptr(0), uint(0)
	out := (*[Run / 2]uint64)(unsafe.Pointer(gaps))
	for row := range Run / Lanes {
		low := (*[Lanes / 2]uint64)(unsafe.Add(data, word))
		a, b, c, d := low[0]>>(shift&31), low[1]>>(shift&31), low[2]>>(shift&31), low[3]>>(shift&31)
		if shift += w; shift >= 32 {
			shift -= 32
			word += Lanes * 4
			if shift > 0 {
				// The upper bits of these values begin the Lanes' next words.
				left := (w - shift) & 31
				keep := (uint64(1)<<left - 1) * both
				upper := mask &^ keep
				high := (*[Lanes / 2]uint64)(unsafe.Add(data, word))
				a = a&keep | high[0]<<left&upper
				b = b&keep | high[1]<<left&upper
				c = c&keep | high[2]<<left&upper
				d = d&keep | high[3]<<left&upper
			}
		}
		to := (*[Lanes / 2]uint64)(out[row*Lanes/2:])
		to[0], to[1], to[2], to[3] = a&mask, b&mask, c&mask, d&mask
	}
}

func addUpScalar(gaps []uint32, next uint32) {
	for ; len(gaps) >= Lanes; gaps = gaps[Lanes:] {
		row := (*[Lanes]uint32)(gaps)
		a := next + row[0]
		b := a + row[1] + 1
		c := b + row[2] + 1
		d := c + row[3] + 1
		e := d + row[4] + 1
		f := e + row[5] + 1
		g := f + row[6] + 1
		h := g + row[7] + 1
		*row = [Lanes]uint32{a, b, c, d, e, f, g, h}
		next = h + 1
	}
	for i, gap := range gaps {
		gaps[i] = next + gap
		next = gaps[i] + 1
	}
}
