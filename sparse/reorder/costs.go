package reorder

import "math"

// costs tells what a term's lists get longer by. A term in d of the n documents of a half costs about d*log2(n/(d+1))
// bits of gaps; the halves being of one size, n falls out of every comparison, and d*log2(d+1) is what is saved.
type costs struct {
	saved []int32
}

func newCosts(docs uint32) costs {
	c := costs{saved: make([]int32, min(int(docs)+1, costTable))}
	for d := range c.saved {
		c.saved[d] = saving(uint32(d))
	}
	return c
}

// another gives what the document after the d-th saves, in 1/2^costBits bits.
func (c costs) another(d uint32) int32 {
	if int(d) < len(c.saved) {
		return c.saved[d]
	}
	return saving(d)
}

// saving is in whole numbers, so that sums of it are the same in any order and on any processor.
func saving(d uint32) int32 {
	n := float64(d)
	return int32(math.Round(((n+1)*math.Log2(n+2) - n*math.Log2(n+1)) * (1 << costBits)))
}
