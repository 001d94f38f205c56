package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers one call: it appends the answer to dst and gives the result, which is the server's from then on. The
// body is valid only during the call. ctx ends with the caller's deadline, when the caller leaves, and with the
// connection.
//
// A *Error it returns travels as it is; context.DeadlineExceeded and context.Canceled come back as errors that
// errors.Is recognises; any other error becomes CodeInternal with its text. A panic is logged and becomes CodeInternal.
type Handler func(ctx context.Context, body, dst []byte) ([]byte, error)

// method is a handler and what is known of its answers.
type method struct {
	handle Handler
	size   atomic.Int64 // of answers: the largest, slowly forgotten
}

// Server answers the calls of other nodes. Make it by NewServer.
type Server struct {
	cfg     ServerConfig
	metrics *metrics
	gate    *gate
	buffers buffers
	methods map[uint16]*method // not changed after Serve

	refusalLogged atomic.Int64 // Unix nanoseconds

	mu        sync.Mutex
	serving   bool
	closed    bool
	closing   chan struct{} // closed by Close
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	greeting  map[net.Conn]struct{} // connections whose hello is not there yet
	running   sync.WaitGroup        // goroutines of connections
}

// NewServer makes a server without methods. It returns ErrInvalidConfig, or the registry's error.
func NewServer(cfg ServerConfig) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics("server", cfg.Registry)
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg:       cfg,
		metrics:   m,
		gate:      newGate([lanes]int{cfg.QueryHandlers, cfg.RaftHandlers, cfg.BulkHandlers}, cfg.RequestBytes),
		methods:   map[uint16]*method{},
		closing:   make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
		conns:     map[*serverConn]struct{}{},
		greeting:  map[net.Conn]struct{}{},
	}, nil
}

// Handle says who answers a method. It is called before Serve; a method given twice, or after Serve, is an error of
// the program, and panics.
func (s *Server) Handle(number uint16, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.methods[number]; ok || s.serving || h == nil {
		panic(fmt.Sprintf("wire: method %#04x is given twice, after Serve, or without a handler", number))
	}
	s.methods[number] = &method{handle: h}
}

// Serve answers the connections of a listener until Close, then it returns nil. The listener is closed in any case.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.Join(fmt.Errorf("serve %s: %w", l.Addr(), ErrClosed), l.Close())
	}
	s.serving = true
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err == nil {
			s.accepted(conn)
			continue
		}
		if s.isClosed() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		s.cfg.Logger.Error("accept a connection of a node", slog.Any("error", err))
		select {
		case <-time.After(acceptPause):
		case <-s.closing:
		}
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// accepted starts a connection, unless there are too many.
func (s *Server) accepted(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns)+len(s.greeting) >= maxConnections {
		_ = conn.Close()
		return
	}
	s.greeting[conn] = struct{}{}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		s.converse(conn)
	}()
}

// converse greets a peer and then answers its calls until the connection ends.
func (s *Server) converse(raw net.Conn) {
	conn, lane, peer, err := s.greet(raw)
	var c *serverConn
	s.mu.Lock()
	delete(s.greeting, raw)
	if err == nil && !s.closed {
		c = newServerConn(s, conn, raw, lane, peer)
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if c == nil {
		_ = raw.Close()
		if err != nil {
			s.logRefusal(raw.RemoteAddr(), peer, err)
		}
		return
	}
	c.run()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// logRefusal logs a connection that did not come to be. Those of strangers, such as port scanners, are of little
// interest.
func (s *Server) logRefusal(addr net.Addr, peer Hello, err error) {
	level, now := slog.LevelDebug, time.Now().UnixNano()
	if last := s.refusalLogged.Load(); errors.Is(err, ErrRefused) && now-last >= int64(refusalLogPause) &&
		s.refusalLogged.CompareAndSwap(last, now) {
		level = slog.LevelWarn
	}
	s.cfg.Logger.Log(context.Background(), level, "refused a node",
		slog.Any("address", addr), slog.String("node", peer.Node), slog.Any("error", err))
}

// Close stops accepting, answers new calls with CodeClosing, and lets those under way end for DrainTimeout. Then it
// cancels what is left, ends the connections and waits for it; when that takes over CloseTimeout it is an error.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	var errs []error
	for l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close listener %s: %w", l.Addr(), err))
		}
	}
	for conn := range s.greeting {
		_ = conn.Close()
	}
	conns := make([]*serverConn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()

	empty := s.gate.close()
	if await(empty, time.After(s.cfg.DrainTimeout)) {
		part(conns)
	}
	for _, c := range conns {
		c.link.fail(ErrClosed)
	}
	late := time.After(s.cfg.CloseTimeout)
	s.running.Wait() // their connections are closed: they end by themselves
	if !await(empty, late) {
		errs = append(errs, fmt.Errorf("close wire server: %d calls did not end within %v",
			s.gate.count(), s.cfg.CloseTimeout))
	}
	s.metrics.unregister()
	return errors.Join(errs...)
}

// part says goodbye on all connections, and waits until the clients have heard it and closed.
func part(conns []*serverConn) {
	for _, c := range conns {
		c.link.out.sendNow(appendHead(nil, kindGoodbye, 0, 0), true)
	}
	late := time.After(partTimeout)
	for _, c := range conns {
		await(c.link.done, late)
	}
}

// await waits for one of two events, and tells whether it was the first.
func await(event <-chan struct{}, timeout <-chan time.Time) bool {
	select {
	case <-event:
		return true
	default:
	}
	select {
	case <-event:
		return true
	case <-timeout:
		return false
	}
}
