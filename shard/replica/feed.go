package replica

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sagasu/internal/dense"
	"sagasu/sparse"
)

// feedWorker is the leader's worker that writes the vectors of one generation from the shard's store into a
// collection outside of this process, and keeps that equal to the store. The store is the truth: whatever becomes of
// the collection, it is filled again from here.
//
// Each of its steps can be repeated, and none can do harm when it comes late: rows are told apart by version, and
// what is deleted is deleted up to a version.
type feedWorker struct {
	loop
	generation int
	// from and to are the slots of the shard.
	from, to int
	// open gives the collection; it is connected to when it is used.
	open func(ctx context.Context) (dense.Collection, func(), error)
	// reached is the highest version that was visible when there was nothing left to do.
	reached *atomic.Uint64
	meter   *meter

	collection dense.Collection
	release    func()
	// identified is when the collection's identity was looked at last, counted when its rows were compared; zero
	// for never.
	identified, counted time.Time
	// unequal says that the last comparison of counts found a difference.
	unequal bool
	// keys are documents that were listed, in the consumer's epoch listed, and not dealt with yet.
	keys   []sparse.Key
	listed uint64
}

// work runs the rounds until ctx ends.
func (w *feedWorker) work(ctx context.Context) {
	defer func() {
		if w.release != nil {
			w.release()
		}
	}()
	w.run(ctx, w.round)
}

// round does one batch of everything there is to do.
func (w *feedWorker) round(ctx context.Context) (more bool, err error) {
	defer func() {
		if err != nil {
			// Whatever happened to the server, it may not be the same any more.
			w.identified = time.Time{}
		}
	}()
	at, ok, err := w.ready(ctx)
	if err != nil || !ok {
		return false, err
	}
	last := w.machine.version.Load()
	b, err := w.gather(at)
	if err != nil {
		return false, err
	}
	if b.empty() {
		w.reached.Store(last)
		return false, w.audit(ctx, at)
	}
	if err := w.write(ctx, b); err != nil {
		return false, err
	}
	b.move.name, b.move.epoch = feedName(w.generation), at.epoch
	if err := w.move(ctx, &b.move); err != nil {
		return false, err
	}
	w.trouble.Store(nil)
	w.meter.add(b.documents)
	return true, nil
}

// ready gives how far the worker is with the collection as it is now: false if the generation is gone. One that is
// not the collection it was has to be filled from the beginning, and one of which deletes are not known any more to
// be compared.
func (w *feedWorker) ready(ctx context.Context) (consumed, bool, error) {
	if _, ok := w.state.has(w.generation); !ok {
		return consumed{}, false, nil
	}
	if w.collection == nil {
		collection, release, err := w.open(ctx)
		if err != nil {
			return consumed{}, false, fmt.Errorf("open collection: %w", err)
		}
		w.collection, w.release = collection, release
	}
	at, begun := w.state.consumer(feedName(w.generation))
	if now := w.now(); w.identified.IsZero() || now.Sub(w.identified) >= identifyEvery {
		if err := w.identify(ctx, at, begun); err != nil {
			return consumed{}, false, err
		}
		w.identified = now
		at, _ = w.state.consumer(feedName(w.generation))
	}
	if at.deletes >= at.trimmed {
		return at, true, nil
	}
	if err := w.reconcile(ctx, at); err != nil {
		return consumed{}, false, err
	}
	at, _ = w.state.consumer(feedName(w.generation))
	return at, true, nil
}

// identify begins anew if the collection is another one than that which was filled.
func (w *feedWorker) identify(ctx context.Context, at consumed, begun bool) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	identity, err := w.collection.Identity(ctx)
	if err != nil {
		return fmt.Errorf("look for collection: %w", err)
	}
	if begun && identity == at.identity {
		return nil
	}
	if begun {
		w.logger.Warn("the collection is another one, it is filled anew", "shard", w.shard, "generation", w.generation,
			"was", at.identity, "is", identity)
	}
	return w.move(ctx, &consumerMove{name: feedName(w.generation), reset: true, epoch: at.epoch + 1, identity: identity})
}

// feedBatch is what one round writes.
type feedBatch struct {
	upserts []dense.Vector
	deletes []dense.Key
	move    consumerMove
	// documents counts those dealt with.
	documents int
}

func (b *feedBatch) empty() bool {
	return b.documents == 0 && len(b.move.settled) == 0
}

// gather collects deletes, documents to be looked at again, and documents behind the checkpoint which have been
// embedded, or can't be.
func (w *feedWorker) gather(at consumed) (*feedBatch, error) {
	b := &feedBatch{move: consumerMove{version: at.version, deletes: at.deletes}}
	for _, t := range w.state.deletesAfter(at.deletes, maxFeed) {
		b.deletes = append(b.deletes, dense.Key{ID: t.id, Version: t.version})
		b.move.deletes = t.entry
		b.documents++
	}
	// A document that is created later has a higher version.
	last := w.machine.version.Load()
	snap := w.sparse.Snapshot()
	defer snap.Release()
	var keys []sparse.Key
	b.move.settled = w.state.consumeAgain(feedName(w.generation), maxFeed)
	for _, k := range b.move.settled {
		b.documents++
		if version, ok := snap.Version(k.id); ok {
			keys = append(keys, sparse.Key{ID: k.id, Version: version})
		} else {
			b.deletes = append(b.deletes, dense.Key{ID: k.id, Version: last})
		}
	}
	if len(keys) < maxFeed {
		walked := w.walk(snap, at, maxFeed-len(keys))
		if n := len(walked); n > 0 {
			b.move.version = walked[n-1].Version
		}
		b.documents += len(walked)
		keys = append(keys, walked...)
	}
	return b, w.fill(b, keys)
}

// walk gives the next documents behind the checkpoint, up to that of the vectors.
func (w *feedWorker) walk(snap *sparse.Snapshot, at consumed, limit int) []sparse.Key {
	done, ok := w.state.embedded(w.generation)
	if !ok {
		return nil
	}
	if w.listed != at.epoch {
		w.keys, w.listed = nil, at.epoch
	}
	for len(w.keys) > 0 && w.keys[0].Version <= at.version {
		w.keys = w.keys[1:]
	}
	if len(w.keys) == 0 {
		w.keys = snap.After(at.version, maxList)
	}
	n := 0
	for n < min(limit, len(w.keys)) && w.keys[n].Version <= done.checkpoint {
		n++
	}
	return w.keys[:n]
}

// fill adds what the store has of documents: their rows, or that they have none.
func (w *feedWorker) fill(b *feedBatch, keys []sparse.Key) error {
	found, err := w.stored(keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		switch v, ok := found[k.ID]; {
		case ok && v.Version == k.Version:
			b.upserts = append(b.upserts, v)
		case !ok || v.Version < k.Version:
			// It has no vector at this version, or none yet: then it comes again.
			b.deletes = append(b.deletes, dense.Key{ID: k.ID, Version: k.Version})
		}
	}
	return nil
}

// stored gives the vectors of documents by id.
func (w *feedWorker) stored(keys []sparse.Key) (map[string]dense.Vector, error) {
	ids := make([]string, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	found := make(map[string]dense.Vector, len(keys))
	err := w.vectors.use(w.generation, func(s vectorStore) error {
		vs, err := s.Get(ids)
		for _, v := range vs {
			found[v.ID] = v
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNoGeneration) {
		return nil, fmt.Errorf("read vectors: %w", err)
	}
	return found, nil
}

// write brings a batch to the collection.
func (w *feedWorker) write(ctx context.Context, b *feedBatch) error {
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	if len(b.deletes) > 0 {
		if err := w.collection.Delete(ctx, b.deletes); err != nil {
			return fmt.Errorf("delete %d vectors: %w", len(b.deletes), err)
		}
	}
	if err := w.upsert(ctx, b.upserts); err != nil {
		return err
	}
	w.metrics.fed.Add(float64(len(b.upserts)))
	return nil
}

// upsert stores vectors. One that the server can't take is recorded as failed, and the others are stored.
func (w *feedWorker) upsert(ctx context.Context, vs []dense.Vector) error {
	if len(vs) == 0 {
		return nil
	}
	err := w.collection.Upsert(ctx, vs)
	refused := errors.Is(err, dense.ErrTooLarge) || errors.Is(err, dense.ErrNotFinite)
	switch {
	case err == nil:
		return nil
	case refused && len(vs) == 1:
		f := Failure{ID: vs[0].ID, Version: vs[0].Version, Reason: reason(err)}
		w.metrics.rejected.Inc()
		batch := encodeVectorBatch(&vectorBatch{Generation: w.generation, Failed: []Failure{f}})
		return w.propose(ctx, typeVectorBatch, vectorVersion, batch)
	case refused:
		half := len(vs) / 2
		return errors.Join(w.upsert(ctx, vs[:half]), w.upsert(ctx, vs[half:]))
	}
	return fmt.Errorf("store %d vectors: %w", len(vs), err)
}
