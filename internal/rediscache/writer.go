package rediscache

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// writer stores values in the background, in batches: a search does not wait until its answer is kept.
type writer struct {
	gate *gate

	mu     sync.Mutex
	queue  []queued
	bytes  int
	wake   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
}

// queued is a value that waits; it is encoded when its turn comes.
type queued struct {
	entry
	key     string
	dropped prometheus.Counter
}

func newWriter(g *gate) *writer {
	w := &writer{gate: g, wake: make(chan struct{}, 1), done: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.work()
	return w
}

// add queues a value, unless there are too many or the gate is closed.
func (w *writer) add(q queued) {
	if w.gate.open.Load() == nil {
		w.gate.metrics.bypassed[callSet].Inc()
		return
	}
	w.mu.Lock()
	fits := len(w.queue) < maxQueued && w.bytes+len(q.value) <= maxQueuedBytes
	if fits {
		w.queue = append(w.queue, q)
		w.bytes += len(q.value)
	}
	w.mu.Unlock()
	if !fits {
		q.dropped.Inc()
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) work() {
	defer close(w.done)
	for {
		select {
		case <-w.wake:
		case <-w.ctx.Done():
			return
		}
		for batch := w.take(); len(batch) > 0 && w.ctx.Err() == nil; batch = w.take() {
			w.store(batch)
		}
	}
}

// take removes the next batch from the queue.
func (w *writer) take() []queued {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, bytes := 0, 0
	for n < min(len(w.queue), maxBatch) && (n == 0 || bytes+len(w.queue[n].value) <= maxBatchBytes) {
		bytes += len(w.queue[n].value)
		n++
	}
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil
	}
	w.bytes -= bytes
	return batch
}

func (w *writer) store(batch []queued) {
	entries := make([]entry, len(batch))
	for i, q := range batch {
		entries[i] = entry{key: q.entry.key, value: encodeValue(q.key, q.value), ttl: q.ttl}
	}
	w.gate.pass(w.ctx, callSet, storePatience*w.gate.cfg.Timeout, func(ctx context.Context, s server) error {
		return s.set(ctx, entries)
	})
}

func (w *writer) end() {
	w.cancel()
	<-w.done
}
