package sparse

// room gives pieces of memory that are given back all at once: what a query is planned with. The zero value is ready.
type room[T any] struct {
	piece []T
	used  int
}

// least is the smallest piece that is asked of the heap.
const leastRoom = 16

// take gives n zero values.
func (r *room[T]) take(n int) []T {
	if len(r.piece)-r.used < n {
		// Those who hold what the former piece gave keep it.
		r.piece, r.used = make([]T, max(2*len(r.piece), n, leastRoom)), 0
	}
	out := r.piece[r.used : r.used+n : r.used+n]
	r.used += n
	return out
}

// one gives one zero value.
func (r *room[T]) one() *T { return &r.take(1)[0] }

// release takes everything back; nobody may use it any more.
func (r *room[T]) release() {
	clear(r.piece[:r.used])
	r.used = 0
}
