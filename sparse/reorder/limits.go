package reorder

// MaxPostings is the most that Config.MaxPostings may be: places in the lists of terms are numbers of 31 bits.
const MaxPostings = 1<<31 - 1

const (
	// 2 takes longer and brings no shorter gaps; 16 saves a fifth of the time for gaps longer by 2 in 100 bits.
	defaultMinDocFreq = 4
	// More frequent terms only blur: with all up to a half it takes a quarter more memory and time, and the gaps are
	// no shorter.
	defaultMaxDocShare = 0.1
	// 1 GiB of lists: some 5 million passages of 115 words, at 53 terms that count in each.
	defaultMaxPostings = 1 << 28
	// Half of it takes a sixth longer for 1 in 200 bits.
	defaultMinPartition = 32
	// 10 saves some of the time for 1 in 200 bits, 30 bring nothing.
	defaultMaxIterations = 20

	// costTable is up to which frequency costs are looked up, 256 KiB; above, they are computed.
	costTable = 1 << 16
	// costBits are the binary places of a cost: enough that a change by one document shows at a frequency of 10,000.
	costBits = 14

	// settled is the share of a part's documents, 1 in so many, that has to move in a round for another to follow.
	settled = 128
	// abortEvery is how many pieces of lists are read between two questions to Abort.
	abortEvery = 1024
	// askDocs is how many documents are looked at between two questions to Abort: a tenth of a millisecond's.
	askDocs = 1024
	// parallelDocs is from how many documents on sharing a round's work pays for the goroutines.
	parallelDocs = 8192
)
