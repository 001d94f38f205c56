package sparse

// Sizes of an arena's chunks in elements. Addresses have 16 bits for the place in a chunk. Chunks begin small, for most
// indexes are.
const (
	chunkBits  = 16
	firstChunk = 1 << 10
	lastChunk  = 1 << chunkBits
)

// arena gives out runs of elements that never move, in chunks that hold no pointers. An address is the chunk's
// number and the place in it; a run that is longer than a chunk has one of its own.
type arena[T any] struct {
	chunks [][]T
	used   int // of the last chunk
}

// alloc gives n elements, at least 1, and their address.
func (a *arena[T]) alloc(n int) (uint32, []T) {
	last := len(a.chunks) - 1
	if last < 0 || len(a.chunks[last])-a.used < n {
		last++
		size := lastChunk
		if last < chunkBits {
			size = min(size, firstChunk<<last)
		}
		a.chunks = append(a.chunks, make([]T, max(n, size)))
		a.used = 0
	}
	at := a.used
	a.used += n
	return uint32(last)<<chunkBits | uint32(at), a.chunks[last][at : at+n : at+n]
}

// from gives what begins at the address, to the end of the chunk.
func from[T any](chunks [][]T, at uint32) []T {
	return chunks[at>>chunkBits][at&(lastChunk-1):]
}
