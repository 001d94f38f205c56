package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sagasu/internal/dense"
	"sagasu/sparse"
)

// slotCounter is a collection that can tell how many rows it has of some slots.
type slotCounter interface {
	// CountSlots counts the rows of the slots from, to exclusive.
	CountSlots(ctx context.Context, from, to int) (int, error)
}

// reconcile removes what the collection has of documents that are not there any more, when the deletes are not known
// that it lacks.
func (w *feedWorker) reconcile(ctx context.Context, at consumed) error {
	// Deletes behind this index are known: they are kept for whoever has begun.
	entry, last := w.machine.applied.Load(), w.machine.version.Load()
	snap := w.sparse.Snapshot()
	defer snap.Release()
	var extra []dense.Key
	err := w.collection.Scan(ctx, w.from, w.to, func(k dense.Key) error {
		// A row of a version that was never given is of a log that is lost.
		if _, ok := snap.Version(k.ID); !ok || k.Version > last {
			extra = append(extra, k)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare collection: %w", err)
	}
	for some := range slices.Chunk(extra, maxFeed) {
		if err := w.remove(ctx, some); err != nil {
			return err
		}
	}
	return w.move(ctx, &consumerMove{
		name: feedName(w.generation), epoch: at.epoch, version: at.version, deletes: max(entry, at.trimmed),
	})
}

func (w *feedWorker) remove(ctx context.Context, keys []dense.Key) error {
	w.metrics.repaired.Add(float64(len(keys)))
	if err := w.collection.Delete(ctx, keys); err != nil {
		return fmt.Errorf("delete %d vectors: %w", len(keys), err)
	}
	return nil
}

// audit compares the collection's rows of this shard with the vectors, now and then, while there is nothing else to
// do: first their numbers, and when these differ twice in a row, all of them.
func (w *feedWorker) audit(ctx context.Context, at consumed) error {
	now := w.now()
	if w.counted.IsZero() {
		w.counted = now
	}
	due := auditEvery
	if w.unequal {
		due = identifyEvery
	}
	if now.Sub(w.counted) < due || !w.settled(at) {
		return nil
	}
	w.counted = now
	equal, err := w.count(ctx)
	if err != nil {
		return err
	}
	if equal || !w.unequal {
		w.unequal = !equal
		return nil
	}
	w.unequal = false
	w.logger.Warn("the collection lacks vectors or has too many, it is compared and repaired", "shard", w.shard,
		"generation", w.generation)
	return w.repair(ctx)
}

// settled reports whether everything is embedded and fed, so that store and collection must be equal.
func (w *feedWorker) settled(at consumed) bool {
	done, ok := w.state.embedded(w.generation)
	if !ok || done.waiting > 0 || w.state.busy(feedName(w.generation)) {
		return false
	}
	snap := w.sparse.Snapshot()
	defer snap.Release()
	return snap.CountAfter(min(done.checkpoint, at.version)) == 0
}

func (w *feedWorker) count(ctx context.Context) (equal bool, err error) {
	want := 0
	if err := w.vectors.use(w.generation, func(s vectorStore) error {
		want, err = s.Count(ctx)
		return err
	}); err != nil {
		return false, fmt.Errorf("count vectors: %w", err)
	}
	rows := 0
	if counter, ok := w.collection.(slotCounter); ok {
		rows, err = counter.CountSlots(ctx, w.from, w.to)
	} else {
		err = w.collection.Scan(ctx, w.from, w.to, func(dense.Key) error { rows++; return nil })
	}
	if err != nil {
		return false, fmt.Errorf("count collection: %w", err)
	}
	return rows == want, nil
}

// repair compares every row of the shard with the store, some slots at a time, and makes them equal.
func (w *feedWorker) repair(ctx context.Context) error {
	snap := w.sparse.Snapshot()
	all := snap.After(0, snap.Len())
	snap.Release()
	parts := 1 + len(all)/repairRows
	for i := range parts {
		from, to := w.from+i*(w.to-w.from)/parts, w.from+(i+1)*(w.to-w.from)/parts
		if err := w.repairSlots(ctx, all, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (w *feedWorker) repairSlots(ctx context.Context, all []sparse.Key, from, to int) error {
	rows := map[string][]uint64{}
	err := w.collection.Scan(ctx, from, to, func(k dense.Key) error {
		rows[k.ID] = append(rows[k.ID], k.Version)
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare collection: %w", err)
	}
	b := &feedBatch{}
	flush := func(least int) error {
		if len(b.upserts)+len(b.deletes) < least {
			return nil
		}
		w.metrics.repaired.Add(float64(len(b.upserts) + len(b.deletes)))
		err := w.write(ctx, b)
		b = &feedBatch{}
		return err
	}
	for _, k := range all {
		if slot := int(slotOf(&w.schema, k.ID)); slot < from || slot >= to {
			continue
		}
		version, _, ok := w.stat(k.ID)
		found := rows[k.ID]
		delete(rows, k.ID)
		if ok && version == k.Version && len(found) == 1 && found[0] == version || !ok && len(found) == 0 {
			continue
		}
		if err := w.fill(b, []sparse.Key{k}); err != nil {
			return err
		}
		if err := flush(maxFeed); err != nil {
			return err
		}
	}
	// What is left are rows of no document: nobody else writes any, so that all of them are of before.
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		b.deletes = append(b.deletes, dense.Key{ID: id, Version: slices.Max(rows[id])})
		if err := flush(maxFeed); err != nil {
			return err
		}
	}
	return flush(1)
}

func (w *feedWorker) stat(id string) (version uint64, digest [16]byte, ok bool) {
	err := w.vectors.use(w.generation, func(s vectorStore) error {
		version, digest, ok = s.Stat(id)
		return nil
	})
	if errors.Is(err, ErrNoGeneration) {
		return 0, digest, false
	}
	return version, digest, ok
}
