package flat

const (
	// DefaultLimit bounds the vectors of an index: every search looks at all of them, and all are in
	// memory, 5 bytes a dimension. 200,000 of 384 dimensions are 380 MB and take about 4 ms; beyond
	// that an approximate index is the better tool.
	DefaultLimit = 200_000
	// blockCodes is the number of codes that a block of rows is sized for: small enough to waste little,
	// large enough that a block is a good unit of work.
	blockCodes = 1 << 18
	// maxBlockRows and minBlockRows bound the rows of a block.
	maxBlockRows, minBlockRows = 1024, 16
	// parallelRows is the number of rows from which a second goroutine pays.
	parallelRows = 1 << 14
	// cachedFilters is the number of filters whose selections are remembered, 25 kB each for 200,000 rows.
	cachedFilters = 64
	// maxCachedFilter bounds the canonical form of a filter that is remembered, in bytes: filters by many
	// ids don't come twice.
	maxCachedFilter = 4 << 10
	// fewRows is the number of selected rows of a block up to which they are scored one by one.
	fewRows = 4
	// recordBytes is what a vector takes in a file beside its values, roughly.
	recordBytes = 128
)
