package sparse

import "sagasu/api"

// Batch is a set of writes applied as one.
type Batch struct {
	// Index is the log index of the entry the batch came in; batches at or below the applied index are
	// ignored, which makes replay idempotent.
	Index uint64
	// Writes are applied in order. Their documents have passed api.ParseDocument with the index's schema.
	Writes []api.Write
	// Then, if not nil, is called with the outcomes once the batch is applied and before anything of it can
	// be flushed: the place to change what Config.State gives.
	Then func(outcomes []Outcome)
}

// Outcome says what one write did.
type Outcome struct {
	// Status is one of api.StatusCreated, StatusUpdated, StatusDeleted, StatusNotFound, StatusConflict. A write
	// that follows one with a conflict (api.Write.Follows) has the same outcome.
	Status string
	// Version is the document's version after the write; on a conflict the present document's, 0 if
	// there is none. Versions grow by one with every write of the index that changes something.
	Version uint64
	// Trimmed is the number of passages that an api.OpTrim removed. Each took a version of its own, Version is the
	// last of them.
	Trimmed int
}
