package rpc

// The methods, by number. Those of 0x01.. are short and belong on a lane of their own; those of 0x02.. move
// files. Numbers are never reused.
const (
	// MethodSearchSparse asks for the best documents of the lexical leg.
	MethodSearchSparse uint16 = 0x0101
	// MethodStatistics asks for what scoring needs to know of a shard.
	MethodStatistics uint16 = 0x0102
	// MethodSearchDense asks for the documents nearest to a vector.
	MethodSearchDense uint16 = 0x0103
	// MethodFetch asks for stored documents.
	MethodFetch uint16 = 0x0104
	// MethodCount asks how many documents match.
	MethodCount uint16 = 0x0105
	// MethodWrite applies writes.
	MethodWrite uint16 = 0x0106
	// MethodWaitDense waits for vectors.
	MethodWaitDense uint16 = 0x0107
	// MethodInfo asks how a replica is.
	MethodInfo uint16 = 0x0108

	// MethodOpenCheckpoint makes a checkpoint of a replica's files and lists it.
	MethodOpenCheckpoint uint16 = 0x0201
	// MethodReadFile reads a piece of a file of a checkpoint.
	MethodReadFile uint16 = 0x0202
	// MethodCloseCheckpoint lets go of a checkpoint.
	MethodCloseCheckpoint uint16 = 0x0203
)

// IsTransfer reports whether the method moves files, and so must not share a connection with searches.
func IsTransfer(method uint16) bool { return method>>8 == 0x02 }

// version is the first byte of every body, of calls and of answers. Each method counts its own; so far all
// are at their first.
const version = 1
