package redistest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy passes connections on to a server, late if asked to.
type Proxy struct {
	// Address is where it listens.
	Address string

	listener net.Listener
	target   string
	delay    atomic.Int64
	passing  sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// NewProxy makes a proxy of the server, which ends with the test.
func NewProxy(tb testing.TB, s *Server) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{
		Address: listener.Addr().String(), listener: listener, target: s.Address, open: map[net.Conn]bool{},
	}
	p.passing.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Delay makes every answer of the server late by d, on connections that are there too.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !p.keep(client, server) {
			return
		}
		p.passing.Go(func() { p.pass(server, client, false) })
		p.passing.Go(func() { p.pass(client, server, true) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			_ = c.Close()
			continue
		}
		p.open[c] = true
	}
	return !p.closed
}

// pass copies until either side ends, and then ends both.
func (p *Proxy) pass(to, from net.Conn, late bool) {
	defer func() {
		_, _ = to.Close(), from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, to)
		delete(p.open, from)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if d := time.Duration(p.delay.Load()); late && d > 0 && n > 0 {
			<-time.After(d)
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.passing.Wait()
}
