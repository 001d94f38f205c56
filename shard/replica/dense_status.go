package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/sparse"
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
func (r *Replica) Current(_ context.Context, ids []string, generation int) (Presence, error) {
	if _, ok := r.state.has(generation); !ok {
		return Presence{}, fmt.Errorf("generation %d: %w", generation, ErrNoGeneration)
	}
	p := Presence{Versions: make([]uint64, len(ids)), Lag: r.lag(generation)}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	for i, id := range ids {
		p.Versions[i], _ = snap.Version(id)
	}
	return p, nil
}

// Position gives the replica's position.
func (r *Replica) Position() Position {
	// Versions first: what the dense leg finds of later ones is only more.
	version := r.machine.version.Load()
	return Position{Version: version, Dense: r.state.position()}
}

// DenseStatus tells of every generation there is, ascending.
func (r *Replica) DenseStatus(ctx context.Context) ([]GenerationStatus, error) {
	running := r.workers.Load()
	var out []GenerationStatus
	for _, number := range r.state.numbers() {
		failures, _ := r.state.failures(number)
		s := GenerationStatus{
			Generation: number, Failed: len(failures.List) + failures.More, LagSeconds: r.age(number).Seconds(),
			Trouble: running.trouble(number), Rate: running.rate(number),
		}
		if at, ok := r.state.embedded(number); ok {
			s.WaitEmbed = r.lagBehind(at.checkpoint) + at.waiting
		}
		if r.cfg.Collection != nil {
			fed, _ := r.state.consumer(feedName(number))
			s.WaitFeed = max(s.WaitEmbed, r.lagBehind(fed.version)+r.state.waiting(feedName(number)))
		}
		err := r.vectors.use(number, func(x vectorStore) (err error) {
			s.Vectors, err = x.Count(ctx)
			return err
		})
		if err != nil && !errors.Is(err, ErrNoGeneration) {
			return nil, fmt.Errorf("count vectors of generation %d: %w", number, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// DenseFailures gives the documents that can't be embedded in a generation. ErrNoGeneration.
func (r *Replica) DenseFailures(generation int) (Failures, error) {
	f, ok := r.state.failures(generation)
	if !ok {
		return Failures{}, fmt.Errorf("generation %d: %w", generation, ErrNoGeneration)
	}
	return f, nil
}

// RetryDense makes the worker of a generation try the failed documents once more, soon. ErrNotLeader elsewhere
// than on the leader, ErrNoGeneration.
func (r *Replica) RetryDense(ctx context.Context, generation int) error {
	failed, err := r.DenseFailures(generation)
	if err != nil {
		return err
	}
	var ids []string
	for _, f := range failed.List {
		ids = append(ids, f.ID)
	}
	if err := r.lookAgain(ctx, again{generation: generation, ids: ids}); err != nil {
		return fmt.Errorf("repeat failures: %w", err)
	}
	if failed.More == 0 {
		return nil
	}
	// Nobody knows which they were.
	anew := encodeGeneration(generationChange{what: generationAnew, number: generation})
	if err := r.common().propose(ctx, typeGeneration, 1, anew); err != nil {
		return fmt.Errorf("repeat failures: %w", err)
	}
	return nil
}

// RepairDense makes the workers look again at what a generation has of some documents, soon. Of ids that are
// no documents here their vectors are removed. ErrNotLeader elsewhere than on the leader, ErrNoGeneration.
func (r *Replica) RepairDense(ctx context.Context, generation int, ids []string) error {
	if _, ok := r.state.has(generation); !ok {
		return fmt.Errorf("repair: generation %d: %w", generation, ErrNoGeneration)
	}
	if err := r.lookAgain(ctx, again{generation: generation, repair: true, ids: ids}); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	return nil
}

func (r *Replica) lookAgain(ctx context.Context, a again) error {
	if r.wanted.Load().Mixed {
		return fmt.Errorf("%w: %w", errMixed, api.ErrUnavailable)
	}
	for ids := range slices.Chunk(a.ids, maxAgain/4) {
		part := a
		part.ids = ids
		if err := r.common().propose(ctx, typeAgain, 1, encodeAgain(part)); err != nil {
			return err
		}
	}
	return nil
}

// ListKeys gives what the replica holds of its documents, ascending by id, behind after, at most limit.
func (r *Replica) ListKeys(ctx context.Context, after string, limit int) ([]KeyState, error) {
	snap := r.sparse.Snapshot()
	defer snap.Release()
	numbers := r.state.numbers()
	var out []KeyState
	for _, k := range snap.KeysAfter(after, limit) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		state := KeyState{ID: k.ID, Version: k.Version}
		for _, number := range numbers {
			v, err := r.vectorState(snap, number, k)
			if err != nil {
				return nil, fmt.Errorf("list keys: %w", err)
			}
			state.Vectors = append(state.Vectors, v)
		}
		out = append(out, state)
	}
	return out, nil
}

// vectorState tells what a generation has of a document.
func (r *Replica) vectorState(snap *sparse.Snapshot, generation int, k sparse.Key) (VectorState, error) {
	v := VectorState{Generation: generation}
	_ = r.vectors.use(generation, func(s vectorStore) error {
		v.Version, _, _ = s.Stat(k.ID)
		return nil
	})
	v.Failed, _ = r.state.outcome(generation, k.ID, k.Version)
	if v.Version == k.Version || v.Failed != "" {
		return v, nil
	}
	for _, config := range r.wanted.Load().configs() {
		if config.Generation != generation {
			continue
		}
		stored, ok, err := snap.Get(k.ID)
		if err != nil || !ok {
			return v, err
		}
		p, err := readPassage(&r.cfg.Schema, config.Fields, &stored)
		if err != nil {
			return v, err
		}
		v.NoText = p.text == "" && stored.Vector == nil
	}
	return v, nil
}
