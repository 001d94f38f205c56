package milvus

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// proxy is a line to a server that can be disturbed.
type proxy struct {
	address string
	config  *tls.Config

	// mu guards what follows.
	mu     sync.Mutex
	target string
	// hold is closed when bytes may flow.
	hold     chan struct{}
	listener net.Listener
	conns    map[net.Conn]struct{}
	work     sync.WaitGroup
}

// newProxy passes connections on to target; with a config it speaks TLS towards clients.
func newProxy(t testing.TB, target string, config *tls.Config) *proxy {
	t.Helper()
	p := &proxy{config: config, target: target, conns: map[net.Conn]struct{}{}}
	p.hold = make(chan struct{})
	close(p.hold)
	p.listen(t, "127.0.0.1:0")
	t.Cleanup(func() {
		p.resume()
		p.refuse(t)
		p.work.Wait()
	})
	return p
}

// listen accepts connections, again after refuse if addr is that of before.
func (p *proxy) listen(t testing.TB, addr string) {
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	p.address = l.Addr().String()
	p.mu.Lock()
	p.listener = l
	p.mu.Unlock()
	p.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.serve(conn) })
		}
	})
}

// refuse closes the port and what came over it.
func (p *proxy) refuse(t testing.TB) {
	p.mu.Lock()
	l := p.listener
	p.mu.Unlock()
	if err := l.Close(); err != nil {
		require.ErrorIs(t, err, net.ErrClosed)
	}
	p.reset()
}

// reset breaks off all connections.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// hang lets nothing through until resume.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = make(chan struct{})
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.hold:
	default:
		close(p.hold)
	}
}

// aim sends new connections to another server.
func (p *proxy) aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
	inner := client
	if p.config != nil {
		inner = tls.Server(client, p.config)
	}
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{inner, server}, {server, inner}} {
		both.Go(func() {
			p.copy(pair[0], pair[1])
			_, _ = client.Close(), server.Close()
		})
	}
	both.Wait()
}

func (p *proxy) copy(from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		hold := p.hold
		p.mu.Unlock()
		<-hold
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// raw hands messages of gRPC on as they are.
type raw struct{}

// Name is empty, so that the content type is what Milvus tells gRPC by from HTTP.
func (raw) Name() string { return "" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	bytes, ok := v.(*[]byte)
	if !ok {
		return nil, errors.New("no bytes")
	}
	return mem.BufferSlice{mem.SliceBuffer(*bytes)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	bytes, ok := v.(*[]byte)
	if !ok {
		return errors.New("no bytes")
	}
	*bytes = data.Materialize()
	return nil
}

// newLiar gives the address of a server that does what the one at target does, except for the answers that lie
// gives; nil is the true one.
func newLiar(t *testing.T, target string, lie func(method string) []byte) string {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.UnknownServiceHandler(
		func(_ any, stream grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(stream)
			var request, answer []byte
			if err := stream.RecvMsg(&request); err != nil {
				return err
			}
			if answer = lie(method); answer == nil {
				ctx := context.WithoutCancel(stream.Context())
				if err := conn.Invoke(ctx, method, &request, &answer, grpc.ForceCodecV2(raw{})); err != nil {
					return err
				}
			}
			return stream.SendMsg(&answer)
		}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, io.EOF) {
			t.Logf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		server.Stop()
		work.Wait()
		require.NoError(t, conn.Close())
	})
	return l.Addr().String()
}
