package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// embedWorker is the leader's worker that gives documents their vectors of one generation. It walks the live
// documents in the order of their versions from the checkpoint on and commits vectors and checkpoint to the log.
type embedWorker struct {
	loop
	config   api.DenseConfig
	embedder embedclient.Embedder
	// unserved is why there is no embedder.
	unserved error
	// room is an error if that many vectors more would not fit.
	room func(ctx context.Context, vectors int) error
	// reached is the highest version that was visible when there was nothing left to do.
	reached *atomic.Uint64
	meter   *meter
	// keys are documents that were listed and not gathered yet.
	keys []sparse.Key
}

// work is a batch under way.
type work struct {
	// from and checkpoint are the versions it is behind of and up to; the same for documents that are looked at
	// again.
	from, checkpoint uint64
	epoch            uint64
	settled          []againKey
	// ready have a vector of the document itself, kept need none, gone can have none.
	ready, kept []dense.Vector
	gone        []dense.Key
	// texts[i] is to become the vector of waiting[i].
	texts   []string
	waiting []dense.Vector

	// done is closed when what follows is there.
	done   chan struct{}
	failed []Failure
	cut    []dense.Key
	err    error
}

// newWork begins a batch behind a version.
func newWork(from, epoch uint64) *work {
	return &work{from: from, checkpoint: from, epoch: epoch, done: make(chan struct{})}
}

// round works until nothing is left. While one batch is committed and the next is embedded, a third is read, so that
// the service always has something to do; they are committed in order.
func (w *embedWorker) round(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	at, ok := w.state.embedded(w.config.Generation)
	if !ok {
		return false, nil
	}
	w.keys = nil
	var flight []*work
	for {
		last := w.machine.version.Load()
		for len(flight) < maxFlight {
			next, err := w.gather(at.checkpoint, at.epoch)
			if err != nil {
				return false, err
			}
			if next == nil {
				break
			}
			at.checkpoint = next.checkpoint
			flight = append(flight, next)
			running.Go(func() { w.embed(ctx, next) })
		}
		if len(flight) == 0 {
			w.reached.Store(last)
			return w.repeat(ctx, at)
		}
		<-flight[0].done
		if err := w.finish(ctx, flight[0]); err != nil {
			return false, err
		}
		flight = flight[1:]
		if now, ok := w.state.embedded(w.config.Generation); !ok || now.epoch != at.epoch {
			return ok, nil
		}
	}
}

// repeat looks again at documents it was asked for.
func (w *embedWorker) repeat(ctx context.Context, at embedded) (bool, error) {
	keys := w.state.embedAgain(w.config.Generation, maxEmbedTexts)
	if len(keys) == 0 {
		return false, nil
	}
	next := newWork(at.checkpoint, at.epoch)
	next.settled = keys
	snap := w.sparse.Snapshot()
	defer snap.Release()
	for _, k := range keys {
		version, ok := snap.Version(k.id)
		if !ok || version > at.checkpoint {
			continue
		}
		if err := w.add(next, snap, sparse.Key{ID: k.id, Version: version}); err != nil {
			return false, err
		}
	}
	w.embed(ctx, next)
	return true, w.finish(ctx, next)
}

// gather collects the documents behind a version until the batch is full; nil if there are none.
func (w *embedWorker) gather(checkpoint, epoch uint64) (*work, error) {
	snap := w.sparse.Snapshot()
	defer snap.Release()
	if len(w.keys) == 0 {
		if w.keys = snap.After(checkpoint, maxList); len(w.keys) == 0 {
			return nil, nil
		}
	}
	next := newWork(checkpoint, epoch)
	taken, read := 0, 0
	for _, k := range w.keys {
		if read >= maxScan || len(next.texts) >= maxEmbedTexts || next.bytes(w.config.Dims) > maxVectorBytes {
			break
		}
		taken++
		next.checkpoint = k.Version
		if w.has(k) {
			continue
		}
		read++
		if err := w.add(next, snap, k); err != nil {
			return nil, err
		}
	}
	w.keys = w.keys[taken:]
	return next, nil
}

func (b *work) bytes(dims int) int { return 4 * dims * (len(b.ready) + len(b.waiting)) }

// has reports whether the vector of a document's version is there already: one that came with it, or was made
// before a restart.
func (w *embedWorker) has(k sparse.Key) bool {
	version, _, ok := w.stat(k.ID)
	return ok && version == k.Version
}

func (w *embedWorker) stat(id string) (version uint64, digest [16]byte, ok bool) {
	_ = w.vectors.use(w.config.Generation, func(s vectorStore) error {
		version, digest, ok = s.Stat(id)
		return nil
	})
	return version, digest, ok
}

// add puts one document where it belongs.
func (w *embedWorker) add(b *work, snap *sparse.Snapshot, k sparse.Key) error {
	older, digest, any := w.stat(k.ID)
	if any && older == k.Version {
		return nil
	}
	stored, ok, err := snap.Get(k.ID)
	if err != nil {
		return fmt.Errorf("read document %q: %w", k.ID, err)
	}
	// What changed since it was listed comes again, with its new version.
	if !ok || stored.Version != k.Version {
		return nil
	}
	p, err := readPassage(&w.schema, w.config.Fields, &stored)
	if err != nil {
		return err
	}
	v := w.machine.vectorOf(&p.doc, k.Version)
	if p.text != "" {
		v.Digest = digestOf(p.text)
	}
	switch {
	case stored.Vector != nil && w.config.Generation == 0 && len(stored.Vector) == w.config.Dims:
		// An earlier version left it with the document.
		v.Digest, v.Values = [16]byte{}, stored.Vector
		b.ready = append(b.ready, v)
	case p.text == "" && any:
		b.gone = append(b.gone, dense.Key{ID: k.ID, Version: k.Version})
	case p.text == "":
	case any && digest == v.Digest:
		b.kept = append(b.kept, v)
	default:
		b.waiting = append(b.waiting, v)
		b.texts = append(b.texts, p.text)
	}
	return nil
}

// finish commits a batch that is embedded.
func (w *embedWorker) finish(ctx context.Context, b *work) error {
	if b.err != nil {
		return b.err
	}
	nothing := len(b.ready)+len(b.kept)+len(b.gone)+len(b.failed)+len(b.settled) == 0
	if nothing && b.checkpoint == b.from {
		return nil
	}
	if w.room != nil && len(b.ready) > 0 {
		// In the state machine it would be too late to refuse.
		if err := w.room(ctx, len(b.ready)); err != nil {
			return err
		}
	}
	payload := encodeVectorBatch(&vectorBatch{
		Generation: w.config.Generation, Epoch: b.epoch, Checkpoint: b.checkpoint,
		Vectors: b.ready, Kept: b.kept, Gone: b.gone, Failed: b.failed, Cut: b.cut, Settled: b.settled,
	})
	if err := w.propose(ctx, typeVectorBatch, vectorVersion, payload); err != nil {
		return fmt.Errorf("commit vectors: %w", err)
	}
	w.trouble.Store(nil)
	w.meter.add(len(b.ready) + len(b.kept) + len(b.failed))
	w.metrics.embedded.Add(float64(len(b.ready)))
	w.metrics.unchanged.Add(float64(len(b.kept)))
	w.metrics.rejected.Add(float64(len(b.failed)))
	w.metrics.truncated.Add(float64(len(b.cut)))
	return nil
}

// embed gives the texts of a batch their vectors.
func (w *embedWorker) embed(ctx context.Context, b *work) {
	defer close(b.done)
	if len(b.texts) == 0 {
		return
	}
	if w.embedder == nil {
		b.err = errors.Join(errNoEmbedder, w.unserved)
		return
	}
	values, reasons, err := embedTexts(ctx, w.embedder, b.texts)
	if err != nil {
		b.err = fmt.Errorf("embed %d texts: %w", len(b.texts), err)
		return
	}
	for i, v := range b.waiting {
		short := false
		if reasons[i] != nil {
			if values[i], reasons[i], err = embedBeginning(ctx, w.embedder, b.texts[i], reasons[i]); err != nil {
				b.err = fmt.Errorf("embed the beginning of document %q: %w", v.ID, err)
				return
			}
			short = reasons[i] == nil
		}
		if reasons[i] == nil {
			reasons[i] = checkVector(values[i], w.config.Dims)
		}
		switch {
		case errors.Is(reasons[i], dense.ErrDimension):
			// The service has another model than the index: nobody's text is at fault.
			b.err = fmt.Errorf("%w: generation %d: %w", ErrEmbed, w.config.Generation, reasons[i])
			return
		case reasons[i] != nil:
			b.failed = append(b.failed, Failure{ID: v.ID, Version: v.Version, Reason: reason(reasons[i])})
			continue
		case short:
			b.cut = append(b.cut, dense.Key{ID: v.ID, Version: v.Version})
		}
		v.Values = values[i]
		b.ready = append(b.ready, v)
	}
}

var errNoEmbedder = errors.New("no embedding service is configured")
