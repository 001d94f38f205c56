package sqlite

const (
	// maxReaders bounds Config.Readers: each has a cache of its own.
	maxReaders = 64
	// busyMillis is for how long SQLite itself waits for a lock, which another process may hold.
	busyMillis = 5_000
	// checkBytes is the size up to which a file is read as a whole when it is opened, to find damage: a fraction of a
	// second.
	checkBytes = 64 << 20
	// dropRows is the number of rows that dropping removes in one transaction, so that other writers come in between.
	dropRows = 5_000
)
