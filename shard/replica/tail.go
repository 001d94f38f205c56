package replica

import (
	"context"
	"fmt"
	"time"

	"sagasu/sparse"
)

// ledgerWorker is the leader's worker that tells a ledger what becomes of documents. The ledger keeps its position
// itself, together with what it records; the state machine knows of it only to keep deletes for as long as needed.
type ledgerWorker struct {
	loop
	ledger    Ledger
	shardName LedgerShard
	// generation gives the generation whose vectors count, false if there is none.
	generation func() (int, bool)
	meter      *meter

	// position is where the ledger is; known is false if that has to be asked, which was done last at asked.
	position LedgerPosition
	known    bool
	asked    time.Time
	// next is where the next batch begins to tell: at position, unless everything has to be told from the beginning.
	next LedgerPosition
	// sweepTo is the version with which everything is told that there was when the position was asked, 0 when the
	// ledger knows that.
	sweepTo uint64
	// told is the log index of deletes up to which the state machine knows that they are recorded.
	told uint64
}

// round records one batch.
func (w *ledgerWorker) round(ctx context.Context) (more bool, err error) {
	defer func() {
		if err != nil {
			w.known = false
		}
	}()
	at, err := w.locate(ctx)
	if err != nil {
		return false, err
	}
	batch, settled, err := w.gather()
	if err != nil {
		return false, err
	}
	if batch == nil && len(settled) == 0 {
		return false, nil
	}
	if batch != nil {
		if err := w.record(ctx, batch); err != nil {
			return false, err
		}
	}
	if len(settled) == 0 && w.position.Deletes == w.told {
		return true, nil
	}
	err = w.move(ctx, &consumerMove{
		name: catalogName, epoch: at.epoch, deletes: w.position.Deletes, settled: settled,
	})
	w.told = w.position.Deletes
	return true, err
}

func (w *ledgerWorker) record(ctx context.Context, batch *LedgerBatch) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if err := w.ledger.Record(ctx, w.shardName, *batch); err != nil {
		return fmt.Errorf("record %d documents: %w", len(batch.Entries), err)
	}
	w.position, w.next = batch.Position, batch.Position
	if batch.Swept {
		w.sweepTo = 0
	}
	w.meter.add(len(batch.Entries))
	w.metrics.recorded.Add(float64(len(batch.Entries)))
	return nil
}

// locate finds out where the ledger is, when that is not known, and now and then, for it may have been lost. One that
// lacks more than can be told from here is told everything, and what it has more than that goes.
func (w *ledgerWorker) locate(ctx context.Context) (consumed, error) {
	at, begun := w.state.consumer(catalogName)
	if !begun {
		// From here on deletes are kept.
		if err := w.move(ctx, &consumerMove{name: catalogName, reset: true, epoch: 1}); err != nil {
			return at, err
		}
		at, _ = w.state.consumer(catalogName)
	}
	ok := true
	if !w.known || w.now().Sub(w.asked) >= locateEvery {
		asking, cancel := context.WithTimeout(ctx, ledgerTimeout)
		defer cancel()
		var position LedgerPosition
		var err error
		if position, ok, err = w.ledger.Progress(asking, w.shardName); err != nil {
			return at, fmt.Errorf("ask ledger for its position: %w", err)
		}
		w.asked = w.now()
		if !w.known || !ok || position != w.position {
			w.position, w.next, w.known, w.told = position, position, true, 0
			w.sweepTo = max(1, w.machine.version.Load())
		}
	}
	// Versions that were never given are of a log that is lost.
	last := w.machine.version.Load()
	if !ok || w.next.Deletes < at.trimmed || w.next.Version > last || w.next.Settled > last {
		// Deletes up to this index are in whatever is listed from now on.
		w.next = LedgerPosition{Deletes: w.machine.applied.Load(), Sweep: w.position.Sweep + 1}
		w.sweepTo = max(1, last)
	}
	return at, nil
}

// gather makes the next batch, nil if there is nothing to record, and names the documents that were looked at again.
func (w *ledgerWorker) gather() (*LedgerBatch, []againKey, error) {
	b := &LedgerBatch{From: w.position, Position: w.next}
	p := &b.Position
	applied, last := w.machine.applied.Load(), w.machine.version.Load()
	for _, t := range w.state.deletesAfter(p.Deletes, maxRecord) {
		b.Entries = append(b.Entries, LedgerEntry{
			ID: t.id, Version: t.version, State: LedgerDeleted, Index: t.entry, At: w.machine.ages.of(t.version),
		})
		p.Deletes = t.entry
	}
	snap := w.sparse.Snapshot()
	defer snap.Release()
	settled := w.state.consumeAgain(catalogName, maxRecord)
	var keys []sparse.Key
	for _, k := range settled {
		if version, ok := snap.Version(k.id); ok {
			keys = append(keys, sparse.Key{ID: k.id, Version: version})
			continue
		}
		b.Entries = append(b.Entries, LedgerEntry{ID: k.id, Version: last, State: LedgerDeleted, Index: applied})
	}
	asked := len(keys)
	upTo := w.settle(p, last)
	if len(keys) < maxRecord {
		keys = append(keys, walk(snap, &p.Settled, upTo, maxRecord-len(keys))...)
	}
	if len(keys) < maxRecord {
		p.Version = max(p.Version, p.Settled)
		keys = append(keys, walk(snap, &p.Version, last, maxRecord-len(keys))...)
	}
	for i, k := range keys {
		entry, ok, err := w.entry(snap, k, upTo)
		if err != nil {
			return nil, nil, err
		}
		known := entry.State == LedgerIndexed && k.Version <= min(w.next.Version, upTo) && i >= asked
		if ok && !known {
			entry.Index = applied
			b.Entries = append(b.Entries, entry)
		}
	}
	b.Swept = w.sweepTo > 0 && max(p.Version, p.Settled) >= w.sweepTo
	if len(b.Entries) == 0 && *p == w.position && !b.Swept {
		return nil, settled, nil
	}
	return b, settled, nil
}

// settle gives the version up to which the states of documents are final. With another generation they all have to
// be told again.
func (w *ledgerWorker) settle(p *LedgerPosition, last uint64) uint64 {
	generation, ok := w.generation()
	if !ok {
		return last
	}
	if p.Generation != generation {
		p.Generation, p.Settled = generation, 0
	}
	done, _ := w.state.embedded(generation)
	return min(done.checkpoint, last)
}

// walk gives the next live documents behind a version, up to another, and moves the former: to the last of them, or
// to the end if there are no more.
func walk(snap *sparse.Snapshot, at *uint64, upTo uint64, limit int) []sparse.Key {
	if *at >= upTo {
		return nil
	}
	keys := snap.After(*at, limit)
	n := 0
	for n < len(keys) && keys[n].Version <= upTo {
		n++
	}
	if n == limit {
		*at = keys[n-1].Version
	} else {
		*at = upTo
	}
	return keys[:n]
}

// entry tells of one document; false if it has changed since it was listed.
func (w *ledgerWorker) entry(snap *sparse.Snapshot, k sparse.Key, upTo uint64) (LedgerEntry, bool, error) {
	stored, ok, err := snap.Get(k.ID)
	if err != nil {
		return LedgerEntry{}, false, fmt.Errorf("read document %q: %w", k.ID, err)
	}
	if !ok || stored.Version != k.Version {
		return LedgerEntry{}, false, nil
	}
	e := LedgerEntry{
		ID: k.ID, Version: k.Version, State: LedgerIndexed, At: w.machine.ages.of(k.Version), Source: stored.Source,
	}
	generation, ok := w.generation()
	if !ok || k.Version > upTo {
		return e, true, nil
	}
	var version uint64
	_ = w.vectors.use(generation, func(s vectorStore) error {
		version, _, _ = s.Stat(k.ID)
		return nil
	})
	failure, cut := w.state.outcome(generation, k.ID, k.Version)
	switch {
	case version == k.Version:
		e.State, e.Truncated = LedgerEmbedded, cut
	case failure != "":
		e.State, e.Reason = LedgerFailed, failure
	}
	return e, true, nil
}
