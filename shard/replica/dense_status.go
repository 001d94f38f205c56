package replica

import (
	"context"

	"sagasu/api"
)

// Presence says what a replica has of some documents.
type Presence struct {
	// Versions are those of the live documents, 0 for one that is not there; parallel to the ids asked for.
	Versions []uint64
	// Lag is the number of documents whose vector of the generation can't be found yet: it is not made, or not in
	// the dense index outside of this process.
	Lag int
}

// Position says what a replica would answer by: it changes whenever an answer may. Replicas of a shard with
// equal positions give equal answers.
type Position struct {
	// Version is the last version that was given to a document or a delete.
	Version uint64
	// Dense is the log index of the last entry that changed what the dense leg finds.
	Dense uint64
}

// GenerationStatus tells of the vectors of one generation.
type GenerationStatus struct {
	// Generation is its number, api.DenseConfig.Generation.
	Generation int
	// Vectors is the number of vectors this replica has, those of replaced documents included until their new
	// ones are there.
	Vectors int
	// WaitEmbed is the number of documents that wait to be embedded, WaitFeed that of those which wait to be
	// written to the dense index outside of this process, the former included; 0 without one.
	WaitEmbed, WaitFeed int
	// Failed is the number of documents that can't be embedded.
	Failed int
	// LagSeconds is the age of the oldest document that waits, 0 if none does. It is measured from when this
	// replica applied it.
	LagSeconds float64
	// Trouble is why the leader's workers are held up, "" if they aren't, and on replicas that don't lead.
	Trouble string
	// Rate is the number of documents a second that the leader has got through lately; 0 on others.
	Rate float64
}

// Failures are documents that can't be embedded.
type Failures struct {
	// List has them by id, as many as are kept; More is how many more were only counted.
	List []Failure
	More int
}

// KeyState is what a replica holds of one document.
type KeyState struct {
	ID string
	// Version is the document's.
	Version uint64
	// Vectors has an entry for each generation, ascending.
	Vectors []VectorState
}

// VectorState is what a replica holds of a document in one generation.
type VectorState struct {
	Generation int
	// Version is that of the document which the vector was made from, 0 if there is none.
	Version uint64
	// Failed is why the document's present version can't be embedded, "" if it can or was not tried.
	Failed string
	// NoText is true if the document's present version has nothing to embed, so that no vector is due.
	NoText bool
}

// Current gives the present versions of documents, for hits that were found outside of this process.
// ErrNoGeneration if the replica has none of that number.
func (r *Replica) Current(_ context.Context, ids []string, _ int) (Presence, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	p := Presence{Versions: make([]uint64, len(ids))}
	for i, id := range ids {
		p.Versions[i], _ = snap.Version(id)
	}
	p.Lag = r.DenseLag()
	return p, nil
}

// SelectIDs gives the ids, ascending, of the documents that a filter selects. ErrFilterTooBroad if they are
// more than limit.
func (r *Replica) SelectIDs(ctx context.Context, filter api.Query, limit int) ([]string, error) {
	return r.resolveFilter(ctx, filter, limit)
}

// Position gives the replica's position.
func (r *Replica) Position() Position {
	checkpoint, _ := r.state.progress()
	return Position{Version: r.machine.version.Load(), Dense: checkpoint}
}

// DenseStatus tells of every generation there is, ascending.
func (r *Replica) DenseStatus(ctx context.Context) ([]GenerationStatus, error) {
	if r.dense == nil {
		return nil, nil
	}
	n, err := r.dense.Count(ctx)
	failures, dropped := r.state.failures()
	return []GenerationStatus{{
		Vectors: n, WaitEmbed: r.DenseLag(), Failed: len(failures) + int(dropped), Trouble: r.DenseTrouble(),
	}}, err
}

// DenseFailures gives the documents that can't be embedded in a generation. ErrNoGeneration.
func (r *Replica) DenseFailures(int) (Failures, error) {
	list, more := r.state.failures()
	return Failures{List: list, More: int(more)}, nil
}

// RetryDense makes the worker of a generation try the failed documents once more, soon. ErrNotLeader elsewhere
// than on the leader, ErrNoGeneration.
func (r *Replica) RetryDense(context.Context, int) error {
	select {
	case r.outbox.retry <- struct{}{}:
	default:
	}
	return nil
}

// RepairDense makes the workers look again at what a generation has of some documents, soon. Of ids that are
// no documents here their vectors are removed. ErrNotLeader elsewhere than on the leader, ErrNoGeneration.
func (r *Replica) RepairDense(context.Context, int, []string) error { return nil }

// ListKeys gives what the replica holds of its documents, ascending by id, from after on, at most limit.
func (r *Replica) ListKeys(_ context.Context, _ string, _ int) ([]KeyState, error) { return nil, nil }
