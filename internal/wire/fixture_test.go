package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// timeout ends tests that would hang.
const timeout = 30 * time.Second

// childEnv makes the test program a server that runs until it is killed; its value is the node id.
const childEnv = "WIRE_TEST_CHILD"

// Methods of the tests' servers.
const (
	methodEcho  uint16 = 0x10
	methodHang  uint16 = 0x11 // until its context ends
	methodOther uint16 = 0x12
)

func TestMain(m *testing.M) {
	if node := os.Getenv(childEnv); node != "" {
		if err := child(node); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func child(node string) error {
	server, err := NewServer(ServerConfig{Hello: helloOf(node), Logger: quiet()})
	if err != nil {
		return err
	}
	server.Handle(methodEcho, echo)
	server.Handle(methodHang, hang)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, listener.Addr()); err != nil {
		return err
	}
	return server.Serve(listener)
}

// startChild runs a server in a process of its own and gives its address.
func startChild(t *testing.T, node string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+node)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func helloOf(node string) func() Hello {
	return func() Hello { return Hello{Cluster: "c", Node: node} }
}

func echo(_ context.Context, body, dst []byte) ([]byte, error) { return append(dst, body...), nil }

func hang(ctx context.Context, _, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// started is a handler that tells when it begins, and then hangs; ended tells how its context ended.
type started struct {
	begun chan struct{}
	ended chan error
}

func newStarted() *started {
	return &started{begun: make(chan struct{}, 100), ended: make(chan error, 100)}
}

func (s *started) handle(ctx context.Context, _, _ []byte) ([]byte, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	s.ended <- ctx.Err()
	return nil, ctx.Err()
}

// network is a network within the process, for bubbles of virtual time: addresses are names of listeners.
type network struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
	dials     atomic.Int32
}

func newNetwork() *network { return &network{listeners: map[string]*pipeListener{}} }

func (n *network) listen(addr string) *pipeListener {
	l := &pipeListener{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = l
	return l
}

func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	n.dials.Add(1)
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("nobody listens at %s", addr)
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, fmt.Errorf("nobody listens at %s any more", addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	addr   string
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: l.addr} }

// serve starts a server of node "b" at the listener; nil is a port of its own. It gives the address.
func serve(t *testing.T, l net.Listener, methods map[uint16]Handler, change func(*ServerConfig)) (*Server, string) {
	t.Helper()
	cfg := ServerConfig{Hello: helloOf("b"), Logger: quiet()}
	if change != nil {
		change(&cfg)
	}
	server, err := NewServer(cfg)
	require.NoError(t, err)
	server.Handle(methodEcho, echo)
	server.Handle(methodHang, hang)
	for number, h := range methods {
		server.Handle(number, h)
	}
	if l == nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return server, l.Addr().String()
}

// newPool makes a pool of node "a", for which every node is at the address.
func newPool(t *testing.T, addr string, change func(*PoolConfig)) *Pool {
	t.Helper()
	cfg := PoolConfig{
		Hello: helloOf("a"), Logger: quiet(),
		Resolve: func(string) (string, bool) { return addr, true },
	}
	if change != nil {
		change(&cfg)
	}
	pool, err := NewPool(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool
}

// within gives a context that ends a hanging test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}
