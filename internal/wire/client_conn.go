package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// clientConn is a connection to a node on which calls are made.
type clientConn struct {
	pool *Pool
	peer *peer
	addr string
	link *link

	mu      sync.Mutex
	calls   map[uint64]*waiter // under way
	next    uint64             // id of the next call
	leaving bool               // closes when no call is under way
	err     error              // no more calls, and why
}

// waiter waits for the answer of one call.
type waiter struct {
	done chan struct{} // has room for the one event
	body []byte
	err  error
}

func newClientConn(p *Pool, peer *peer, conn, raw net.Conn, addr string) *clientConn {
	c := &clientConn{pool: p, peer: peer, addr: addr, calls: map[uint64]*waiter{}}
	c.link = newLink(conn, raw, linkConfig{
		buffers: &p.buffers, received: p.metrics.receivedBytes, sent: p.metrics.sentBytes, apart: p.cfg.apart,
	})
	return c
}

// name is how errors name the node.
func (c *clientConn) name() string {
	if c.peer.key.node == "" {
		return c.addr
	}
	return c.peer.key.node
}

// call makes a call. Besides the outcome it tells whether the request may have been sent.
func (c *clientConn) call(ctx context.Context, method uint16, body []byte) (answer []byte, sent bool, err error) {
	w, id, err := c.begin()
	if err != nil {
		return nil, false, err
	}
	q := request{method: method}
	if deadline, ok := ctx.Deadline(); ok {
		q.deadline = max(time.Until(deadline), 1)
	}
	q.trace, q.traced = TraceFrom(ctx)
	var room [requestHead]byte
	if err := c.link.out.send(ctx, appendRequest(room[:0], id, &q, len(body)), body); err != nil {
		if !errors.Is(err, ctx.Err()) {
			c.link.fail(err) // it is failing; when this returns it is seen to be broken
		}
		if c.end(id) {
			c.pool.waiters.Put(w)
		}
		return nil, false, c.unsent(ctx, err)
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if c.end(id) {
			c.pool.waiters.Put(w)
			c.link.out.sendNow(appendHead(room[:0], kindCancel, id, 0), true)
			return nil, true, fmt.Errorf("call %s: %w", c.name(), ctx.Err())
		}
		<-w.done // it comes just now
	}
	answer, err = w.body, w.err
	w.body, w.err = nil, nil
	c.pool.waiters.Put(w)
	return answer, true, err
}

// unsent gives the error of a call that was not sent, because of ctx or the connection.
func (c *clientConn) unsent(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ctx.Err()):
		return fmt.Errorf("call %s: %w", c.name(), err)
	case errors.Is(err, ErrClosed):
		return fmt.Errorf("call %s: %w", c.name(), ErrClosed)
	default:
		return fmt.Errorf("call %s: %w: %s: %w", c.name(), ErrUnreachable, c.addr, err)
	}
}

// begin notes a call.
func (c *clientConn) begin() (*waiter, uint64, error) {
	w, ok := c.pool.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{done: make(chan struct{}, 1)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, 0, c.unsent(context.Background(), c.err)
	case len(c.calls) >= maxInFlight:
		return nil, 0, &Error{Code: CodeOverloaded, Message: "too many calls under way to " + c.name()}
	}
	c.next++
	c.calls[c.next] = w
	return w, c.next, nil
}

// end forgets a call, and tells whether its answer will not come any more.
func (c *clientConn) end(id uint64) bool {
	c.mu.Lock()
	_, ok := c.calls[id]
	delete(c.calls, id)
	last := c.leaving && len(c.calls) == 0
	c.mu.Unlock()
	if last {
		c.link.fail(errLeft)
	}
	return ok
}

// leave lets the connection end when no call is under way.
func (c *clientConn) leave() {
	c.mu.Lock()
	c.leaving = true
	last := len(c.calls) == 0
	c.mu.Unlock()
	if last {
		c.link.fail(errLeft)
	}
}

// unwanted tells whether the pool has given the connection up.
func (c *clientConn) unwanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving
}

// broken tells whether the connection can't be used any more.
func (c *clientConn) broken() bool {
	select {
	case <-c.link.done:
		return true
	default:
		return false
	}
}

// run reads answers until the connection ends, and then fails the calls under way.
func (c *clientConn) run() {
	lane, _ := c.peer.key.lane.index()
	connections := c.pool.metrics.connections[lane]
	connections.Inc()
	defer connections.Dec()
	var watching sync.WaitGroup
	watching.Go(func() { c.link.watch(c.pool.cfg.PingInterval, c.pool.cfg.PeerTimeout) })
	for {
		if err := c.step(); err != nil {
			c.link.fail(err)
			break
		}
	}
	// Before the callers know: their next call shall find no connection, or another.
	c.peer.lost(c)
	c.abandon(c.link.err)
	watching.Wait()
	c.link.out.flushers.Wait()
	if err := c.link.err; !errors.Is(err, errLeft) && !errors.Is(err, errGoodbye) && !errors.Is(err, ErrClosed) {
		c.pool.cfg.Logger.Info("lost a connection to a node",
			slog.String("node", c.name()), slog.String("address", c.addr), slog.Any("error", err))
	}
}

// abandon fails the calls under way, and all to come.
func (c *clientConn) abandon(reason error) {
	err := fmt.Errorf("call %s: %w: %s: %w", c.name(), ErrBroken, c.addr, reason)
	switch {
	case errors.Is(reason, ErrClosed):
		err = fmt.Errorf("call %s: %w", c.name(), ErrClosed)
	case errors.Is(reason, errGoodbye):
		err = fmt.Errorf("call %s: %w: %s: %w", c.name(), ErrUnreachable, c.addr, reason)
	}
	c.mu.Lock()
	calls := c.calls
	c.calls, c.err = nil, reason
	c.mu.Unlock()
	for _, w := range calls {
		w.err = err
		w.done <- struct{}{}
	}
}

// step deals with the next frame.
func (c *clientConn) step() error {
	h, err := c.link.next()
	if err != nil {
		return err
	}
	switch h.kind {
	case kindResponse:
	case kindGoodbye:
		return errGoodbye
	default:
		return fmt.Errorf("read frame: %w: a server sent kind %d", ErrProtocol, h.kind)
	}
	status, err := c.link.in.status()
	if err != nil {
		return err
	}
	size := h.length - statusSize
	// The call stays noted while its body is read, so that its caller can leave meanwhile.
	c.mu.Lock()
	_, wanted := c.calls[h.id]
	c.mu.Unlock()
	if !wanted {
		err = c.link.in.skip(size)
		c.link.took()
		return err
	}
	body, failure, err := c.answer(status, size)
	if err != nil {
		return err
	}
	c.link.took()
	c.deliver(h.id, body, failure)
	return nil
}

// answer reads what follows a response's status: a body, or what failed.
func (c *clientConn) answer(status uint16, size int) (body []byte, failure, err error) {
	if status != 0 && size > 2+maxMessage+MaxDetail {
		return nil, nil, fmt.Errorf("read response: %w: a failure of %d bytes", ErrProtocol, size)
	}
	body, err = c.link.in.body(make([]byte, 0, min(size, firstRead)), size)
	if err != nil || status == 0 {
		return body, nil, err
	}
	e, err := decodeFailure(status, body)
	switch {
	case err != nil:
		return nil, nil, err
	case status == CodeClosing:
		return nil, fmt.Errorf("call %s: %w: %s: %w", c.name(), ErrUnreachable, c.addr, errors.New(e.Message)), nil
	default:
		return nil, e, nil
	}
}

// deliver gives a call its answer, if it is still wanted.
func (c *clientConn) deliver(id uint64, body []byte, err error) {
	c.mu.Lock()
	w, ok := c.calls[id]
	delete(c.calls, id)
	last := c.leaving && len(c.calls) == 0
	c.mu.Unlock()
	if ok {
		w.body, w.err = body, err
		w.done <- struct{}{}
	}
	if last {
		c.link.fail(errLeft)
	}
}
