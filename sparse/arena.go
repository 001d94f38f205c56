package sparse

import "sync/atomic"

// Sizes of an arena's chunks in elements. Addresses have 16 bits for the place in a chunk. Chunks begin small, for most
// indexes are.
const (
	chunkBits  = 16
	firstChunk = 1 << 10
	lastChunk  = 1 << chunkBits
)

// chunkList is a list of chunks that one goroutine makes longer while others read: what they load has all chunks that
// were there before anything of which the writer told them later.
type chunkList[T any] struct {
	own  [][]T // the writer's
	seen atomic.Pointer[[][]T]
}

func (l *chunkList[T]) grow(chunk []T) {
	l.own = append(l.own, chunk)
	now := l.own
	l.seen.Store(&now)
}

// load gives the chunks so far.
func (l *chunkList[T]) load() [][]T {
	if now := l.seen.Load(); now != nil {
		return *now
	}
	return nil
}

// arena gives out runs of elements that never move, in chunks that hold no pointers. An address is the chunk's
// number and the place in it; a run that is longer than a chunk has one of its own.
type arena[T any] struct {
	chunks chunkList[T]
	used   int // of the last chunk
}

// alloc gives n elements, at least 1, and their address.
func (a *arena[T]) alloc(n int) (uint32, []T) {
	last := len(a.chunks.own) - 1
	if last < 0 || len(a.chunks.own[last])-a.used < n {
		last++
		size := lastChunk
		if last < chunkBits {
			size = min(size, firstChunk<<last)
		}
		a.chunks.grow(make([]T, max(n, size)))
		a.used = 0
	}
	at := a.used
	a.used += n
	return uint32(last)<<chunkBits | uint32(at), a.chunks.own[last][at : at+n : at+n]
}

// at gives what begins at the address, to the end of the chunk; for the writer.
func (a *arena[T]) at(address uint32) []T { return from(a.chunks.own, address) }

// from gives what begins at the address, to the end of the chunk.
func from[T any](chunks [][]T, at uint32) []T {
	return chunks[at>>chunkBits][at&(lastChunk-1):]
}
