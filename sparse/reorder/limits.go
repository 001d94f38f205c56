package reorder

// MaxPostings is the most that Config.MaxPostings may be: places in the lists of terms are numbers of 31 bits.
const MaxPostings = 1<<31 - 1

const (
	// Terms of fewer documents in a part cost more time than they bring order: 2 takes half as long again for the same
	// gaps, 16 leaves them longer by 2 in a hundred.
	defaultMinDocFreq = 4
	// More frequent terms are noise: with all up to a half the gaps are longer, and a third more postings are held.
	defaultMaxDocShare = 0.1
	// 1 GiB of lists.
	defaultMaxPostings = 1 << 28
	// The documents of a part end up within a block of postings anyway.
	defaultMinPartition  = 32
	defaultMaxIterations = 20

	// costTable is up to which frequency costs are looked up, 256 KiB; above, they are computed.
	costTable = 1 << 16
	// costBits are the binary places of a cost: enough that a change by one document shows at a frequency of 10,000.
	costBits = 14

	// settled is the share of a part's documents, 1 in so many, that has to move in a round for another to follow.
	settled = 128
	// abortEvery is how many documents are read between two questions to Abort.
	abortEvery = 1024
	// parallelDocs is from how many documents on sharing a round's work pays for the goroutines.
	parallelDocs = 8192
)
