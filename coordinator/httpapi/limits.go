package httpapi

import (
	"time"

	"sagasu/api"
)

const (
	// maxSchemaBody bounds a schema: api.MaxFields fields of the longest names fit.
	maxSchemaBody = 1 << 20
	// maxDocumentBody bounds a body that is one document or an array: it is held in memory. A stream
	// of lines is not bounded as a whole.
	maxDocumentBody = api.MaxBulkLine
	// prefetchBytes of a body are read before the handler decides how much of it to take.
	prefetchBytes = 8 << 10
	// drainBytes of a body over the limit are read and dropped, so that its client gets to the answer.
	drainBytes = 8 << 20
	// maxRequestID bounds the request id that a client may choose: it is echoed and logged.
	maxRequestID = 128
	// batchBytes and batchDocuments end a batch of a stream: enough to share a log entry well, small
	// enough for the first results to come soon.
	batchBytes     = 1 << 20
	batchDocuments = 512
	// batchesInFlight of one stream are written at once, so that they share log entries and fsyncs.
	batchesInFlight = 4
	// spoolBytes of results wait for a client that sends everything before it reads anything.
	spoolBytes = 32 << 20
	// queueWait is how long a request waits for its turn before it is told to come later.
	queueWait = 50 * time.Millisecond
	// defaultPage and maxPage bound a page of a listing, as the catalog does.
	defaultPage = 100
	maxPage     = 1_000
	// waitDenseTimeout bounds ?wait=dense: embedding a large batch takes minutes.
	waitDenseTimeout = 5 * time.Minute
)
