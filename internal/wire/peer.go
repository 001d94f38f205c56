package wire

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

// peer is what a pool has to do with one node on one lane: a connection, or an attempt at one, or a failed one.
type peer struct {
	pool *Pool
	key  peerKey

	mu       sync.Mutex
	conn     *clientConn
	dial     *dial
	failure  error // of the last dial, if it failed
	failed   time.Time
	failAddr string
	gone     bool // no longer the pool's
}

// dial is an attempt at a connection, for all who need one.
type dial struct {
	done chan struct{} // closed when conn or err is set
	conn *clientConn
	err  error
}

// connection gives a connection to the address, and waits for it until ctx is done. It tells when the peer is gone from
// the pool, so that another has to be asked.
func (p *peer) connection(ctx context.Context, addr string) (c *clientConn, gone bool, err error) {
	for {
		c, d, err := p.present(addr)
		switch {
		case errors.Is(err, errGone):
			return nil, true, nil
		case c != nil || err != nil:
			return c, false, err
		}
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if d.err != nil {
			return nil, false, d.err
		}
		if d.conn.addr == addr {
			return d.conn, false, nil
		}
	}
}

// errGone tells of a peer that is no longer the pool's.
var errGone = errors.New("peer is gone from the pool")

// present gives the connection, or a dial to wait for, or why there is neither.
func (p *peer) present(addr string) (*clientConn, *dial, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone:
		return nil, nil, errGone
	case p.conn != nil && p.conn.broken():
		p.conn = nil
	case p.conn != nil && p.conn.addr == addr:
		return p.conn, nil, nil
	case p.conn != nil:
		// The node has moved. Calls under way get their answers, if they can.
		p.conn.leave()
		p.conn = nil
	}
	switch {
	case p.dial != nil:
		return nil, p.dial, nil
	case p.failure != nil && p.failAddr == addr && time.Since(p.failed) < redialPause:
		return nil, nil, p.failure
	}
	d := &dial{done: make(chan struct{})}
	if !p.pool.start(func() { p.attempt(d, addr) }) {
		return nil, nil, ErrClosed
	}
	p.dial = d
	return nil, d, nil
}

// attempt dials, and tells those who wait.
func (p *peer) attempt(d *dial, addr string) {
	conn, err := p.pool.connect(p, addr)
	p.mu.Lock()
	if err == nil && (p.gone || !p.pool.start(conn.run)) {
		conn.link.fail(ErrClosed)
		conn, err = nil, ErrClosed
	}
	d.conn, d.err = conn, err
	p.dial, p.conn, p.failure = nil, conn, err
	p.failed, p.failAddr = time.Now(), addr
	p.mu.Unlock()
	close(d.done)
}

// lost is told of a connection that broke.
func (p *peer) lost(c *clientConn) {
	p.mu.Lock()
	if p.conn == c {
		p.conn = nil
	}
	gone := p.gone
	p.mu.Unlock()
	if !gone && !c.unwanted() && p.key.lane == LaneRaft && p.key.node != "" {
		p.pool.start(func() { p.probe(c.addr) })
	}
}

// probe finds out whether the process behind a broken connection is gone, and has a new connection if it is not.
func (p *peer) probe(addr string) {
	for range refusedTries {
		if now, ok := p.pool.cfg.Resolve(p.key.node); !ok || now != addr {
			return // it has moved
		}
		_, _, err := p.connection(p.pool.ctx, addr)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			p.pool.tellRefused(p.key.node)
			return
		case !errors.Is(err, ErrUnreachable):
			return // it lives, or the pool is closed
		}
		select {
		case <-time.After(redialPause):
		case <-p.pool.ctx.Done():
			return
		}
	}
}

// retire takes the peer out of use if it has no connection and tries none, and tells so.
func (p *peer) retire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil && p.dial == nil && (p.failure == nil || time.Since(p.failed) >= redialPause) {
		p.gone = true
	}
	return p.gone
}

// close ends the connection for good.
func (p *peer) close() {
	p.mu.Lock()
	p.gone = true
	c := p.conn
	p.conn = nil
	p.mu.Unlock()
	if c != nil {
		c.link.fail(ErrClosed)
	}
}
