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
