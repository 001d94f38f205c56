package embedclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"
)

// pipeline is the way of texts to one sort of vectors, dense or sparse. Its lock is held for short
// looks at the maps only, never while a request is under way.
type pipeline[V any] struct {
	client *Client
	// fetch embeds a batch; its results are parallel to the texts.
	fetch func(ctx context.Context, kind Kind, texts []string, worth patience) ([]V, []error)
	clone func(V) V
	// encode and decode are for the cache, identity begins its keys.
	encode   func(V) []byte
	decode   func([]byte) (V, bool)
	identity string

	mu      sync.Mutex
	closed  bool
	flights map[key]*flight[V]
	running sync.WaitGroup
}

// key names a vector. The model is the client's for the kind, and so needs no place in it.
type key struct {
	kind Kind
	text string
}

// flight is a text that is being embedded, for everybody who wants it. value and err are written
// before done is closed; the rest is guarded by the pipeline's lock.
type flight[V any] struct {
	key     key
	batch   *batch[V]
	waiters int
	shared  bool // had two waiters at some time
	done    chan struct{}
	value   V
	err     error
}

// batch is the flights of one request, apart from the callers' contexts. Guarded by the pipeline's
// lock.
type batch[V any] struct {
	flights []*flight[V]
	bytes   int
	// wanted is how many flights still have waiters; at 0 the batch is canceled.
	wanted int
	cancel context.CancelFunc
	// until is the latest deadline of a waiter, now or before; unlimited if one had none.
	until     time.Time
	unlimited bool
}

// seat is a caller's part in a flight.
type seat[V any] struct {
	index  int
	flight *flight[V]
}

// embed returns a vector per text; see Embedder.
func (p *pipeline[V]) embed(ctx context.Context, kind Kind, texts []string) ([]V, error) {
	if kind != Query && kind != Passage {
		return nil, fmt.Errorf("%w: %d", ErrBadKind, kind)
	}
	if err := ctx.Err(); err != nil {
		return nil, left(err)
	}
	values, errs := make([]V, len(texts)), make([]error, len(texts))
	texts = normal(kind, texts)
	known := p.known(ctx, kind, texts, values)
	seats, err := p.board(ctx, kind, texts, known, errs)
	if err != nil {
		return nil, err
	}
	p.await(ctx, seats, values, errs)
	return values, joined(errs)
}

// board finds or makes a flight for each text that is not known.
func (p *pipeline[V]) board(
	ctx context.Context, kind Kind, texts []string, known []bool, errs []error,
) ([]seat[V], error) {
	seats := make([]seat[V], 0, len(texts))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	var batches []*batch[V]
	room := p.client.cfg.BatchBytes
	if kind == Passage {
		room = p.client.pace.allowance()
	}
	for i, text := range texts {
		if known != nil && known[i] {
			continue
		}
		if !utf8.ValidString(text) {
			errs[i] = fmt.Errorf("%w: not valid UTF-8", ErrRejected)
			continue
		}
		k := key{kind, text}
		f := p.flights[k]
		if f == nil {
			f = &flight[V]{key: k, done: make(chan struct{})}
			p.flights[k] = f
			batches = p.load(batches, f, room)
		}
		p.join(ctx, f)
		seats = append(seats, seat[V]{i, f})
	}
	for _, b := range batches {
		batchCtx, cancel := context.WithCancel(p.client.ctx)
		b.cancel = cancel
		p.running.Go(func() { p.fly(batchCtx, b) })
	}
	return seats, nil
}

// load puts a flight into the last batch, or into a new one if that is full: it holds up to room bytes.
func (p *pipeline[V]) load(batches []*batch[V], f *flight[V], room int) []*batch[V] {
	cfg := &p.client.cfg
	bytes := len(cfg.prefix(f.key.kind)) + len(f.key.text)
	var b *batch[V]
	if n := len(batches); n > 0 {
		b = batches[n-1]
	}
	if b == nil || len(b.flights) == cfg.BatchSize || b.bytes+bytes > room {
		b = &batch[V]{}
		batches = append(batches, b)
	}
	b.flights = append(b.flights, f)
	b.bytes += bytes
	f.batch = b
	return batches
}

// join adds a waiter to a flight.
func (p *pipeline[V]) join(ctx context.Context, f *flight[V]) {
	if f.waiters++; f.waiters == 1 {
		f.batch.wanted++
	} else {
		f.shared = true
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		f.batch.unlimited = true
	} else if deadline.After(f.batch.until) {
		f.batch.until = deadline
	}
}

// fly embeds a batch and tells everybody.
func (p *pipeline[V]) fly(ctx context.Context, b *batch[V]) {
	defer b.cancel()
	texts := make([]string, len(b.flights))
	for i, f := range b.flights {
		texts[i] = f.key.text
	}
	kind := b.flights[0].key.kind
	values, errs := p.fetch(ctx, kind, texts, func(pause time.Duration) bool { return p.worth(b, pause) })
	p.remember(kind, texts, values, errs)
	p.mu.Lock()
	for i, f := range b.flights {
		f.value, f.err = values[i], errs[i]
		if p.flights[f.key] == f {
			delete(p.flights, f.key)
		}
	}
	p.mu.Unlock()
	for _, f := range b.flights {
		close(f.done)
	}
}

// worth is the batch's patience: some waiter's deadline is after the pause.
func (p *pipeline[V]) worth(b *batch[V], pause time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return b.unlimited || time.Now().Add(pause).Before(b.until)
}

// await collects the results; texts that are not done when the caller's context ends fail.
func (p *pipeline[V]) await(ctx context.Context, seats []seat[V], values []V, errs []error) {
	for n, s := range seats {
		select {
		case <-s.flight.done:
			values[s.index], errs[s.index] = p.result(s.flight)
		case <-ctx.Done():
			p.abandon(seats[n:], left(ctx.Err()), values, errs)
			return
		}
	}
}

// abandon takes the results that are there and gives up the other seats. What is unfinished is told
// before leaving, for leaving ends the batch, whose end is then not the reason.
func (p *pipeline[V]) abandon(seats []seat[V], reason error, values []V, errs []error) {
	unfinished := make([]seat[V], 0, len(seats))
	for _, s := range seats {
		select {
		case <-s.flight.done:
			values[s.index], errs[s.index] = p.result(s.flight)
		default:
			errs[s.index] = reason
			unfinished = append(unfinished, s)
		}
	}
	p.leave(unfinished)
}

// result returns what a flight brought. Callers own their vectors, so those who share a flight get
// copies.
func (p *pipeline[V]) result(f *flight[V]) (V, error) {
	if f.err == nil && f.shared {
		return p.clone(f.value), nil
	}
	return f.value, f.err
}

// leave gives up seats. A flight that nobody waits for is not joined any more, and a batch of such
// flights only is canceled.
func (p *pipeline[V]) leave(seats []seat[V]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range seats {
		f := s.flight
		if f.waiters--; f.waiters > 0 {
			continue
		}
		if p.flights[f.key] == f {
			delete(p.flights, f.key)
		}
		if f.batch.wanted--; f.batch.wanted == 0 {
			f.batch.cancel()
		}
	}
}

// close refuses new texts; wait returns when the batches under way are done.
func (p *pipeline[V]) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

func (p *pipeline[V]) wait() {
	p.running.Wait()
}

// left returns what a caller gets whose context ended.
func left(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("embed: %w", err)
}
