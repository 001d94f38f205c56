package segment

import "sagasu/sparse/simd"

// Select gives the document of a dense list's posting. window is one at or before it, such as the one that was given
// for a posting before; that of the document is given.
func (l *List) Select(posting, window int) (doc uint32, at int) {
	n := uint32(posting)
	if at = window; l.WindowRanks[at+1] <= n {
		at += after(l.WindowRanks[at+1:], n)
	}
	rest := int(n - l.WindowRanks[at])
	ranks := l.ranks[at*windowRanks : (at+1)*windowRanks]
	group := windowRanks - 1
	for int(ranks[group]) > rest {
		group--
	}
	rest -= int(ranks[group])
	words := l.Words[:(at+1)*WindowWords]
	for word := at*WindowWords + group*RankWords; word < len(words); word++ {
		n := onesCount(words[word])
		if rest < n {
			return uint32(word*64 + simd.Nth(words[word], rest)), at
		}
		rest -= n
	}
	return 0, at // Open has refused such a file
}

// after gives the number of values, which ascend, that are at most n.
func after(values []uint32, n uint32) int {
	step := 1
	for step < len(values) && values[step] <= n {
		step <<= 1
	}
	low, high := step>>1, min(step+1, len(values))
	for low < high {
		mid := int(uint(low+high) >> 1)
		if values[mid] <= n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
