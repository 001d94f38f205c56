package simd

import "math/bits"

// Nth gives the place of the n-th bit of a word, from 0; the word has that many.
func Nth(w uint64, n int) int {
	for ; n > 0; n-- {
		w &= w - 1
	}
	return bits.TrailingZeros64(w)
}
