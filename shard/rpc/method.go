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
	// MethodCurrent asks for the present versions of documents.
	MethodCurrent uint16 = 0x0109
	// MethodSelectIDs asks for the ids of the documents that a filter selects.
	MethodSelectIDs uint16 = 0x010a
	// MethodPosition asks by what a replica answers.
	MethodPosition uint16 = 0x010b
	// MethodDenseStatus asks how the generations of vectors are.
	MethodDenseStatus uint16 = 0x010c
	// MethodDenseFailures asks which documents can't be embedded.
	MethodDenseFailures uint16 = 0x010d
	// MethodRetryDense has them tried once more.
	MethodRetryDense uint16 = 0x010e
	// MethodRepairDense has some documents looked at once more.
	MethodRepairDense uint16 = 0x010f
	// MethodListKeys asks what a replica holds of its documents.
	MethodListKeys uint16 = 0x0110

	// MethodOpenCheckpoint makes a checkpoint of a replica's files and lists it.
	MethodOpenCheckpoint uint16 = 0x0201
	// MethodReadFile reads a piece of a file of a checkpoint.
	MethodReadFile uint16 = 0x0202
	// MethodCloseCheckpoint lets go of a checkpoint.
	MethodCloseCheckpoint uint16 = 0x0203
)

// IsTransfer reports whether the method moves files, and so must not share a connection with searches.
func IsTransfer(method uint16) bool { return method>>8 == 0x02 }

// version is the first byte of every body, of calls and of answers, but of those that say more: each method counts
// its own.
const version = 1

// sparseVersion is that of a SearchSparse which does not count all matches. A node that knows it only otherwise is asked
// for all of them.
const sparseVersion = 2

// denseVersion is that of a SearchDense which names a generation other than 0: a node that knows of none could only
// search the wrong one.
const denseVersion = 2

// repairVersion is that of an answer to Info which tells of a repair.
const repairVersion = 2
