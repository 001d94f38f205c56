package reorder

import (
	"math/bits"
	"slices"
)

// selectNth gives the key that would be at n if the keys, which it shuffles, were sorted.
func selectNth(keys []int32, n int) int32 {
	// Keys that make bad pivots are sorted after all.
	for rounds := 2 * bits.Len(uint(len(keys))); len(keys) > 16 && rounds > 0; rounds-- {
		pivot := middle(keys)
		low, i, high := 0, 0, len(keys)
		for i < high {
			switch key := keys[i]; {
			case key < pivot:
				keys[i], keys[low] = keys[low], key
				low++
				i++
			case key > pivot:
				high--
				keys[i], keys[high] = keys[high], key
			default:
				i++
			}
		}
		switch {
		case n < low:
			keys = keys[:low]
		case n < high:
			return pivot
		default:
			keys, n = keys[high:], n-high
		}
	}
	slices.Sort(keys)
	return keys[n]
}

// middle guesses the median from five keys.
func middle(keys []int32) int32 {
	last := len(keys) - 1
	five := [...]int32{keys[0], keys[last/4], keys[last/2], keys[last-last/4], keys[last]}
	slices.Sort(five[:])
	return five[2]
}
