package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// serverConn is a connection whose calls are answered.
type serverConn struct {
	server *Server
	link   *link
	lane   int
	peer   Hello
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	mu    sync.Mutex
	calls map[uint64]context.CancelFunc // under way, and wanted
}

func newServerConn(s *Server, conn, raw net.Conn, lane Lane, peer Hello) *serverConn {
	c := &serverConn{server: s, peer: peer, calls: map[uint64]context.CancelFunc{}}
	c.lane, _ = lane.index()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.link = newLink(conn, raw, linkConfig{
		buffers: &s.buffers, received: s.metrics.receivedBytes, sent: s.metrics.sentBytes, apart: s.cfg.apart,
	})
	return c
}

// run answers calls until the connection ends. Handlers may go on for a while after it.
func (c *serverConn) run() {
	connections := c.server.metrics.connections[c.lane]
	connections.Inc()
	defer connections.Dec()
	defer c.cancel()
	var watching sync.WaitGroup
	watching.Go(func() { c.link.watch(c.server.cfg.PingInterval, c.server.cfg.PeerTimeout) })
	for {
		if err := c.step(); err != nil {
			c.link.fail(err)
			break
		}
	}
	c.cancel()
	watching.Wait()
	c.link.out.flushers.Wait()
	if errors.Is(c.link.err, ErrProtocol) || errors.Is(c.link.err, errSilent) || errors.Is(c.link.err, errStalled) {
		c.server.cfg.Logger.Warn("gave up a node's connection",
			slog.String("node", c.peer.Node), slog.Any("address", c.link.conn.RemoteAddr()), slog.Any("error", c.link.err))
	}
}

// step deals with the next frame.
func (c *serverConn) step() error {
	h, err := c.link.next()
	if err != nil {
		return err
	}
	switch h.kind {
	case kindRequest:
		return c.request(h)
	case kindCancel:
		c.link.took()
		if cancel, ok := c.remove(h.id); ok {
			cancel()
		}
		return nil
	default:
		return fmt.Errorf("read frame: %w: a client sent kind %d", ErrProtocol, h.kind)
	}
}

// request reads a request and starts its call, or answers why it can't.
func (c *serverConn) request(h head) error {
	q, size, err := c.link.in.request(h)
	if err != nil {
		return err
	}
	m, known := c.server.methods[q.method]
	if !known || q.version != 0 {
		return c.refuse(h.id, size, &Error{
			Code:    CodeUnknownMethod,
			Message: fmt.Sprintf("node %s has no method %#04x version %d", c.server.cfg.Hello().Node, q.method, q.version),
		})
	}
	switch code := c.server.gate.enter(c.lane, int64(size)); code {
	case 0:
	case CodeClosing:
		return c.refuse(h.id, size, &Error{Code: code, Message: "node is shutting down"})
	default:
		return c.refuse(h.id, size, &Error{Code: code, Message: "too many calls under way"})
	}
	body := c.server.buffers.get(min(size, firstRead))
	body.b, err = c.link.in.body(body.b, size)
	if err != nil {
		c.server.gate.leave(c.lane, int64(size))
		return err
	}
	c.link.took()
	k := &call{conn: c, id: h.id, method: m, number: q.method, body: body, size: int64(size)}
	k.ctx, k.cancel = c.context(&q)
	if err := c.add(h.id, k.cancel); err != nil {
		k.cancel()
		c.server.gate.leave(c.lane, int64(size))
		return err
	}
	go k.run()
	return nil
}

// context gives that of a call.
func (c *serverConn) context(q *request) (context.Context, context.CancelFunc) {
	ctx := c.ctx
	if q.traced {
		ctx = WithTrace(ctx, q.trace)
	}
	if q.deadline > 0 {
		return context.WithTimeout(ctx, q.deadline)
	}
	return context.WithCancel(ctx)
}

// refuse answers a request without looking at its body.
func (c *serverConn) refuse(id uint64, size int, e *Error) error {
	if err := c.link.in.skip(size); err != nil {
		return err
	}
	c.link.took()
	c.server.metrics.calls[c.lane][outcomeOf(e)].Inc()
	// A client that asks and does not read is not read either.
	return c.link.out.send(c.ctx, failureFrame(id, e), nil)
}

// add notes a call under way.
func (c *serverConn) add(id uint64, cancel context.CancelFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.calls[id]; ok || len(c.calls) >= 2*maxInFlight {
		// Twice, as the client forgets a call before its cancel is here.
		return fmt.Errorf("read request: %w: call %d is under way, with %d in all", ErrProtocol, id, len(c.calls))
	}
	c.calls[id] = cancel
	return nil
}

// remove forgets a call, and tells whether it was still wanted.
func (c *serverConn) remove(id uint64) (context.CancelFunc, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cancel, ok := c.calls[id]
	delete(c.calls, id)
	return cancel, ok
}
