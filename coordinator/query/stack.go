package query

// Go runs f, which asks a shard, on a goroutine of its own.
func Go(f func()) {
	go func() {
		roomy(-1)
		f()
	}()
}

// roomy grows the stack of a new goroutine at once to what asking a shard needs. On the way down it would be doubled
// several times, and all that is on it moved each time; here there is nothing yet. at is negative.
//
//go:noinline
func roomy(at int) byte {
	if at < 0 {
		return 0
	}
	// Not reached, but the frame of the function has room for it.
	var room [12 << 10]byte
	return room[at]
}
