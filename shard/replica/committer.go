package replica

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/sparse"
)

// proposer is the log as the committer sees it.
type proposer interface {
	Propose(ctx context.Context, p consensus.Proposal) (result any, index uint64, err error)
}

// request is some writes of one caller, at most one entry's worth.
type request struct {
	id      RequestID
	encoded []byte
	count   int
	// mixed says that nodes of an earlier version must read it.
	mixed bool
	// done gets exactly one reply unless the request is withdrawn.
	done chan reply
	// taken is set under committer.mu once the request is on its way into the log.
	taken bool
}

type reply struct {
	outcomes []sparse.Outcome
	// index is the log entry that made the writes.
	index uint64
	err   error
}

// committer turns concurrent requests into few log entries: while one entry is being written and
// synced, what arrives meanwhile becomes the next. One entry is in flight at a time, which keeps the
// order of a caller's requests.
type committer struct {
	log proposer
	// known returns when another replica could show an entry too; nil where there is none.
	known   func(ctx context.Context, index uint64)
	metrics *metrics

	mu      sync.Mutex
	queue   []*request
	writes  int
	bytes   int
	closed  bool
	arrived chan struct{}

	// ctx ends when the committer is closed; done is closed when its goroutine has ended, and answering counts
	// the replies that are still to be given.
	ctx       context.Context
	cancel    context.CancelFunc
	done      chan struct{}
	answering sync.WaitGroup
}

func newCommitter(log proposer, known func(ctx context.Context, index uint64), m *metrics) *committer {
	ctx, cancel := context.WithCancel(context.Background())
	c := &committer{
		log: log, known: known, metrics: m, arrived: make(chan struct{}, 1),
		ctx: ctx, cancel: cancel, done: make(chan struct{}),
	}
	go c.run()
	return c
}

// enqueue puts all of the requests into the queue, in order, or none (ErrOverloaded, ErrClosed).
func (c *committer) enqueue(requests []*request) error {
	writes, bytes := 0, 0
	for _, r := range requests {
		writes, bytes = writes+r.count, bytes+len(r.encoded)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	full := c.writes+writes > maxQueueWrites || c.bytes+bytes > maxQueueBytes
	if full && len(c.queue) > 0 {
		c.metrics.overloaded.Inc()
		return fmt.Errorf("%d writes of %d bytes wait: %w", c.writes, c.bytes, ErrOverloaded)
	}
	c.queue = append(c.queue, requests...)
	c.writes, c.bytes = c.writes+writes, c.bytes+bytes
	select {
	case c.arrived <- struct{}{}:
	default:
	}
	return nil
}

// withdraw takes a request out of the queue; false if it is on its way into the log already.
func (c *committer) withdraw(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.taken {
		return false
	}
	for i, q := range c.queue {
		if q == r {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			c.writes, c.bytes = c.writes-r.count, c.bytes-len(r.encoded)
			break
		}
	}
	return true
}

// take removes the next entry's worth from the queue; empty if nothing waits.
func (c *committer) take() []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, writes, bytes := 0, 0, 0
	for n < len(c.queue) {
		r := c.queue[n]
		if n > 0 && r.mixed != c.queue[0].mixed {
			break
		}
		if n > 0 && (writes+r.count > maxEntryWrites || bytes+len(r.encoded) > maxEntryBytes) {
			break
		}
		r.taken = true
		writes, bytes = writes+r.count, bytes+len(r.encoded)
		n++
	}
	taken := append([]*request(nil), c.queue[:n]...)
	rest := copy(c.queue, c.queue[n:])
	clear(c.queue[rest:])
	c.queue = c.queue[:rest]
	c.writes, c.bytes = c.writes-writes, c.bytes-bytes
	return taken
}

func (c *committer) run() {
	defer close(c.done)
	for {
		taken := c.take()
		if len(taken) > 0 {
			c.commit(taken)
			continue
		}
		select {
		case <-c.arrived:
		case <-c.ctx.Done():
			return
		}
	}
}

// commit proposes one entry, and has its requests answered once another replica could show it too.
func (c *committer) commit(taken []*request) {
	results, index, err := c.propose(taken)
	if err != nil || c.known == nil {
		answer(taken, results, index, err)
		return
	}
	// The next entry need not wait for it: its way to the followers tells them the same.
	c.answering.Go(func() {
		c.known(c.ctx, index)
		answer(taken, results, index, nil)
	})
}

// answer gives each request its part of the result.
func answer(taken []*request, results []requestResult, index uint64, err error) {
	for i, r := range taken {
		if err != nil {
			r.done <- reply{err: err}
			continue
		}
		r.done <- reply{outcomes: results[i].outcomes, index: index, err: results[i].err}
	}
}

func (c *committer) propose(taken []*request) ([]requestResult, uint64, error) {
	if c.ctx.Err() != nil {
		return nil, 0, ErrClosed
	}
	version := writeVersion
	if taken[0].mixed {
		version = mixedVersion
	}
	result, index, err := propose(c.ctx, c.log, typeWriteBatch, version, encodeWriteBatch(taken...))
	if err != nil {
		return nil, 0, err
	}
	results, ok := result.([]requestResult)
	if !ok || len(results) != len(taken) {
		return nil, 0, fmt.Errorf("%w: %d requests gave %T with %d results", api.ErrUnknownOutcome, len(taken), result,
			len(results))
	}
	c.metrics.entries.Inc()
	for _, r := range taken {
		c.metrics.writes.Add(float64(r.count))
	}
	return results, index, nil
}

// propose puts one entry into the log, under a fresh idempotency key, and returns what the state
// machine made of it and its index.
func propose(ctx context.Context, log proposer, typ, version uint16, payload []byte) (any, uint64, error) {
	p := consensus.Proposal{Type: typ, Version: version, MinReader: minReader, Payload: payload}
	if _, err := rand.Read(p.Key[:]); err != nil {
		return nil, 0, fmt.Errorf("make idempotency key: %w", err)
	}
	result, index, err := log.Propose(ctx, p)
	if err != nil {
		return nil, 0, fmt.Errorf("propose: %w", translate(err))
	}
	if failure, ok := result.(error); ok {
		return nil, 0, fmt.Errorf("apply: %w", failure)
	}
	return result, index, nil
}

// close ends the committer; what waits gets ErrClosed.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	<-c.done
	c.answering.Wait()
	for _, r := range c.take() {
		r.done <- reply{err: ErrClosed}
	}
}
