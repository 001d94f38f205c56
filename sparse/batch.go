package sparse

import "sagasu/api"

// Batch is a set of writes applied as one.
type Batch struct {
	// Index is the log index of the entry the batch came in; batches at or below the applied index are
	// ignored, which makes replay idempotent.
	Index uint64
	// Writes are applied in order. Their documents have passed api.ParseDocument with the index's schema.
	Writes []api.Write
}

// Outcome says what one write did.
type Outcome struct {
	// Status is one of api.StatusCreated, StatusUpdated, StatusDeleted, StatusNotFound, StatusConflict.
	Status string
	// Version is the document's version after the write; on a conflict the present document's, 0 if
	// there is none. Versions grow by one with every write of the index that changes something.
	Version uint64
}
