package milvus

const (
	// maxHits is the most hits that Milvus gives for one search, and rows for one query.
	maxHits = 16_384
	// maxEf is the most candidates that Milvus accepts.
	maxEf = 32_768
	// maxAttributeBytes bounds a JSON value in Milvus.
	maxAttributeBytes = 65_536
	// maxKeys is the number of ids named in one expression, far below the 64 MB that a message may have.
	maxKeys = 4_096
	// maxBatchBytes bounds the vectors and attributes sent at once, with room to spare below 64 MB.
	maxBatchBytes = 16 << 20
	// maxSlots is the number of values of a field of one document among which an interval is searched:
	// each is one more comparison per row. A document with more is marked, and while there is one such
	// filters are left to the caller.
	maxSlots = 8
	// maxCombinations bounds the expansion of minimum_should.
	maxCombinations = 256
	// maxExpression bounds a filter expression, in bytes.
	maxExpression = 8 << 20
)
