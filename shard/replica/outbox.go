package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// outbox is the leader's worker for the dense leg. It walks the live documents in the order of their
// versions from the checkpoint on, gets each a vector, and commits vectors and checkpoint to the log.
// It keeps nothing that a restart could lose: what was not committed is done again.
type outbox struct {
	schema   api.Schema
	sparse   *sparse.Index
	state    *denseState
	log      proposer
	embedder embedclient.Embedder
	// remote is nil if vectors go into the log, for the flat index.
	remote  dense.Index
	wake    <-chan struct{}
	retry   chan struct{}
	after   func(time.Duration) <-chan time.Time
	logger  *slog.Logger
	metrics *metrics
	// room is an error if that many vectors more would not fit; nil for a remote index, which tells itself.
	room func(ctx context.Context, vectors int) error
	// keys are documents above the checkpoint that were listed and not worked on yet.
	keys []sparse.Key
	// last gives the highest version that is visible to a new snapshot; reached is its value when there
	// was nothing left to do.
	last    func() uint64
	reached *atomic.Uint64
	// trouble is why the last round failed; nil after one that did not.
	trouble atomic.Pointer[string]
}

// tail works until ctx ends.
func (o *outbox) tail(ctx context.Context) {
	failures := 0
	o.keys = nil
	for ctx.Err() == nil {
		progressed, err := o.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			o.report(err, failures)
			o.wait(ctx, o.after(backoff(failures)))
		case !progressed:
			failures = 0
			o.wait(ctx, nil)
		default:
			failures = 0
			o.trouble.Store(nil)
		}
	}
}

// wait returns when there may be work: at a timer, or (without one) at a wake-up or a retry.
func (o *outbox) wait(ctx context.Context, timer <-chan time.Time) {
	if timer != nil {
		select {
		case <-timer:
		case <-ctx.Done():
		}
		return
	}
	select {
	case <-o.wake:
	case <-ctx.Done():
	case <-o.retry:
		if err := o.repeatFailed(ctx); err != nil && ctx.Err() == nil {
			o.report(err, 1)
		}
	}
}

func (o *outbox) report(err error, failures int) {
	text := err.Error()
	o.trouble.Store(&text)
	o.metrics.denseErrors.Inc()
	// The first failure of a row is worth a warning; the metrics tell about the others.
	if failures == 1 {
		o.logger.Warn("dense worker waits and repeats", "error", err)
	}
}

// backoff doubles from minBackoff to maxBackoff and takes a random time between half of that and all.
func backoff(failures int) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 8 {
		d = min(maxBackoff, minBackoff<<shift)
	}
	return d/2 + rand.N(d/2)
}

// round does one batch; false if there was nothing to do.
func (o *outbox) round(ctx context.Context) (bool, error) {
	deleted, err := o.deleteRemote(ctx)
	if err != nil {
		return false, err
	}
	checkpoint, _ := o.state.progress()
	work, err := o.gather(checkpoint)
	if err != nil {
		return false, err
	}
	if work.checkpoint == checkpoint && len(deleted) == 0 {
		return false, nil
	}
	vectors, failures, err := o.embed(ctx, work)
	if err != nil {
		return false, err
	}
	batch := &vectorBatch{Checkpoint: work.checkpoint, Vectors: vectors, Deleted: deleted}
	if err := o.commit(ctx, batch, failures); err != nil {
		return false, err
	}
	o.keys = o.keys[work.keys:]
	return true, nil
}

// commit hands vectors to the remote index or the log, and the outcome to the log.
func (o *outbox) commit(ctx context.Context, batch *vectorBatch, failures []Failure) error {
	embedded := len(batch.Vectors)
	if o.remote != nil && embedded > 0 {
		if err := o.remote.Upsert(ctx, batch.Vectors); err != nil {
			return fmt.Errorf("upsert %d vectors: %w", embedded, err)
		}
		batch.Vectors = nil
	}
	if o.room != nil && embedded > 0 {
		// In the state machine it would be too late to refuse.
		if err := o.room(ctx, embedded); err != nil {
			return err
		}
	}
	if len(failures) > 0 {
		if _, _, err := propose(ctx, o.log, typeDenseFailed, denseVersion, encodeFailures(failures)); err != nil {
			return fmt.Errorf("record failures: %w", err)
		}
		o.metrics.rejected.Add(float64(len(failures)))
	}
	if _, _, err := propose(ctx, o.log, typeVectorBatch, denseVersion, encodeVectorBatch(batch)); err != nil {
		return fmt.Errorf("commit vectors: %w", err)
	}
	o.metrics.embedded.Add(float64(embedded))
	return nil
}

// deleteRemote removes deleted documents from a remote index and names those it is done with.
func (o *outbox) deleteRemote(ctx context.Context) ([]sparse.Key, error) {
	if o.remote == nil {
		return nil, nil
	}
	pending := o.state.pendingDeletes(maxScan)
	if len(pending) == 0 {
		return nil, nil
	}
	snap := o.sparse.Snapshot()
	defer snap.Release()
	keys := make([]dense.Key, 0, len(pending))
	for _, p := range pending {
		// A document that is there again gets its new vector by the walk.
		if _, ok := snap.Version(p.ID); !ok {
			keys = append(keys, dense.Key{ID: p.ID, Version: maxVersion})
		}
	}
	if len(keys) > 0 {
		if err := o.remote.Delete(ctx, keys); err != nil {
			return nil, fmt.Errorf("delete %d vectors: %w", len(keys), err)
		}
	}
	return pending, nil
}

// work is what one round has to do.
type work struct {
	checkpoint uint64
	// keys is how many of outbox.keys it takes.
	keys  int
	ready []dense.Vector
	// texts[i] is to become the vector of waiting[i].
	texts   []string
	waiting []dense.Vector
}

// gather collects the documents above the checkpoint until the round is full.
func (o *outbox) gather(checkpoint uint64) (*work, error) {
	last := o.last()
	snap := o.sparse.Snapshot()
	defer snap.Release()
	if len(o.keys) == 0 {
		if o.keys = snap.After(checkpoint, maxList); len(o.keys) == 0 {
			o.reached.Store(last)
		}
	}
	w := &work{checkpoint: checkpoint}
	bytes := 0
	for _, k := range o.keys[:min(maxScan, len(o.keys))] {
		if len(w.texts) >= maxEmbedTexts || bytes > maxVectorBytes {
			break
		}
		w.keys++
		if err := o.add(w, snap, k); err != nil {
			return nil, err
		}
		w.checkpoint = k.Version
		bytes = 4 * o.schema.Dense.Dims * (len(w.ready) + len(w.waiting))
	}
	return w, nil
}

// add puts one document where it belongs: ready if it brought a vector, waiting if it has text to
// embed, nowhere if neither.
func (o *outbox) add(w *work, snap *sparse.Snapshot, k sparse.Key) error {
	stored, ok, err := snap.Get(k.ID)
	if err != nil {
		return fmt.Errorf("read document %q: %w", k.ID, err)
	}
	// What changed since it was listed comes again, with its new version.
	if !ok || stored.Version != k.Version {
		return nil
	}
	p, err := readPassage(&o.schema, &stored)
	if err != nil {
		return err
	}
	v := dense.Vector{ID: k.ID, Version: k.Version, Values: stored.Vector, Attributes: p.attributes}
	switch {
	case stored.Vector != nil:
		w.ready = append(w.ready, v)
	case p.text != "":
		w.waiting = append(w.waiting, v)
		w.texts = append(w.texts, p.text)
	}
	return nil
}

// repeatFailed tries the recorded failures once more.
func (o *outbox) repeatFailed(ctx context.Context) error {
	failed, _ := o.state.failures()
	for len(failed) > 0 && ctx.Err() == nil {
		n := min(len(failed), maxEmbedTexts)
		if err := o.repeat(ctx, failed[:n]); err != nil {
			return err
		}
		failed = failed[n:]
	}
	return ctx.Err()
}

func (o *outbox) repeat(ctx context.Context, failed []Failure) error {
	w, err := o.gatherFailed(failed)
	if err != nil {
		return err
	}
	vectors, again, err := o.embed(ctx, w)
	if err != nil {
		return err
	}
	batch := &vectorBatch{Vectors: vectors}
	for _, v := range vectors {
		batch.Embedded = append(batch.Embedded, sparse.Key{ID: v.ID, Version: v.Version})
	}
	return o.commit(ctx, batch, again)
}

func (o *outbox) gatherFailed(failed []Failure) (*work, error) {
	snap := o.sparse.Snapshot()
	defer snap.Release()
	w := &work{}
	for _, f := range failed {
		version, ok := snap.Version(f.ID)
		if !ok || version != f.Version {
			continue
		}
		if err := o.add(w, snap, sparse.Key{ID: f.ID, Version: version}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

var errNoEmbedder = errors.New("no embedding service is configured")
