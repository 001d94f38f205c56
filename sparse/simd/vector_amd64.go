//go:build goexperiment.simd && amd64

package simd

import "simd/archsimd"

// vectors says whether the processor has what the vector twins need.
var vectors = archsimd.X86.AVX2()

// reachVector gives the places of as many values as fill vectors, and their number.
func reachVector(out *Places, values []uint8, least uint8) int {
	limit := archsimd.BroadcastUint8x32(least)
	at := 0
	for ; at+32 <= len(values); at += 32 {
		// Where the value is not the greater of the two, the limit is.
		v := archsimd.LoadUint8x32((*[32]uint8)(values[at:]))
		out[at/64&3] |= uint64(v.Max(limit).Equal(v).ToBits()) << (at % 64)
	}
	archsimd.ClearAVXUpperBits()
	return at
}

func unpackVector(values *[Run]uint32, src []uint32, width uint) {
	w := uint32(width & maxWidth)
	if w == 0 {
		*values = [Run]uint32{}
		return
	}
	src = src[:Lanes*w] // all that is read
	mask := archsimd.BroadcastUint32x8(1<<w - 1)
	step, word32 := archsimd.BroadcastUint32x8(w), archsimd.BroadcastUint32x8(32)
	right := archsimd.BroadcastUint32x8(0)
	low := archsimd.LoadUint32x8((*[Lanes]uint32)(src))
	word, shift := 0, uint32(0)
	for row := range Run / Lanes {
		v := low.ShiftRight(right) // a shift of each lane by itself is faster than one of all
		shift, right = shift+w, right.Add(step)
		if shift >= 32 {
			shift, right = shift-32, right.Sub(word32)
			if word += Lanes; shift > 0 {
				low = archsimd.LoadUint32x8((*[Lanes]uint32)(src[word:]))
				v = v.Or(low.ShiftLeft(step.Sub(right)))
			} else if word < len(src) {
				low = archsimd.LoadUint32x8((*[Lanes]uint32)(src[word:]))
			}
		}
		v.And(mask).Store((*[Lanes]uint32)(values[row*Lanes:]))
	}
	archsimd.ClearAVXUpperBits()
}

// addUpVector adds up whole vectors, and gives the lowest that the next document can be.
func addUpVector(gaps []uint32, next uint32) uint32 {
	zero := archsimd.BroadcastUint8x32(0)
	places := archsimd.LoadUint32x8(&[Lanes]uint32{0, 1, 2, 3, 4, 5, 6, 7})
	middle, last := archsimd.BroadcastUint32x8(3), archsimd.BroadcastUint32x8(7)
	upper := archsimd.LoadUint32x8(&[Lanes]uint32{0, 0, 0, 0, ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)})
	one := archsimd.BroadcastUint32x8(1)
	sum := archsimd.BroadcastUint32x8(next)
	for at := 0; at+Lanes <= len(gaps); at += Lanes {
		row := (*[Lanes]uint32)(gaps[at:])
		v := archsimd.LoadUint32x8(row)
		v = v.Add(v.AsUint8x32().ConcatShiftBytesRightGrouped(12, zero).AsUint32x8())
		v = v.Add(v.AsUint8x32().ConcatShiftBytesRightGrouped(8, zero).AsUint32x8())
		v = v.Add(v.Permute(middle).And(upper)).Add(places).Add(sum)
		v.Store(row)
		sum = v.Permute(last).Add(one)
	}
	next = sum.GetLo().GetElem(0)
	archsimd.ClearAVXUpperBits()
	return next
}
