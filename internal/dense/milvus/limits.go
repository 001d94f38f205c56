package milvus

import (
	"time"

	"sagasu/api"
)

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
	// maxStoredID bounds an id as it is stored: each of its bytes may take two.
	maxStoredID = 2 * api.MaxIDBytes
	// maxPartitionValue bounds a value of the partition column: a mark and two digits for each byte.
	maxPartitionValue = 1 + 2*api.MaxKeywordBytes
	// maxSlots is the number of values of a field of one document among which an interval is searched:
	// each is one more comparison per row, so no more are looked at than a document has. While one has more
	// than this, such filters are left to the caller.
	maxSlots = 8
	// maxCombinations bounds the expansion of minimum_should.
	maxCombinations = 256
	// maxExpression bounds a filter expression, in bytes.
	maxExpression = 8 << 20
	// maxPrunes bounds the partition values that a filter is narrowed to; more would name most partitions.
	maxPrunes = 64
	// partitions is the number of partitions of a collection that has them. Values are hashed to them, so more of
	// them prune better; but each has segments of its own, which are searched one by one while they are small.
	partitions = 16
	// goneReads is how often it is looked whether deleted rows are gone; once has always been enough for a single
	// writer, twice for two.
	goneReads = 5
	// scanPage is the number of rows that a page of a scan aims at, well below maxHits since slots are not equally
	// full.
	scanPage = 8_192
)

// Times of the connection. A server that is back shall be found within a second.
const (
	// connectDelay and maxConnectDelay bound the pauses between attempts to connect.
	connectDelay    = 50 * time.Millisecond
	maxConnectDelay = 300 * time.Millisecond
	// connectTimeout bounds one attempt: several round trips of TCP, TLS and HTTP/2 across the world.
	connectTimeout = time.Second
	// silence is how long nothing may come on a connection while a call waits for its answer in vain, until the
	// connection is taken for dead: longer than a busy server takes to answer a ping.
	silence = 3 * time.Second
)
