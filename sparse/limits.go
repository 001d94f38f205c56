package sparse

import "time"

const (
	// defaultFlushBytes is the size of the mutable segment at which it is written: segments start
	// large enough that a million documents merge few times, and small enough that a node with little
	// data stays under 150 MB.
	defaultFlushBytes = 32 << 20
	// defaultReorderDocs is where it begins to pay: ordering takes some 40 us a document, once for every merge of that size.
	defaultReorderDocs = 100_000
	// maxPending bounds the frozen segments that wait to be written; Apply waits beyond.
	maxPending = 3
	// maxPendingFactor times FlushBytes bounds their size: a document of 16 MiB of distinct words takes
	// hundreds of megabytes in memory, and there must not be several of them.
	maxPendingFactor = 3
	// maxFlushBytes keeps the mutable segment's addresses within 32 bits, with room for a batch.
	maxFlushBytes = 1 << 30
	// keyBytes is what a key costs in the mutable segment beside its bytes and its postings: a term, two to three
	// slots. docBytes is what a document costs: its place, its id there and in the map. textBytes is what it costs
	// a text field beside its terms.
	keyBytes  = 64
	docBytes  = 200
	textBytes = 16
	// hurrySegments is the number of segments from which on merges wait for nothing: seven of each of four tiers are what
	// an index has that merges keep up with.
	hurrySegments = 48
	// stepTime is how long background work goes on before it looks whether to give way: a search that waits for a core
	// takes about as long, and looking costs a thousandth of it.
	stepTime = 100 * time.Microsecond
	// giveShare is how long background work may give way for what it has worked.
	giveShare = 3
	// maxCredit bounds how long background work gives way at a time.
	maxCredit = 5 * time.Millisecond
	// paceBytes are written at a time by a merge that has to keep to a pace.
	paceBytes = 256 << 10
	// maxManifest bounds the manifest that is read: deletions of 100 million documents fit.
	maxManifest = 1 << 30
)
