package milvus

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// dialOptions replace the SDK's, which block until the server is there, retry for 7 s before they say that it is
// gone, and wait up to 3 s between two attempts to connect.
func (s *Server) dialOptions() []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithContextDialer(s.lines.dial),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: connectDelay, Multiplier: 1.5, Jitter: 0.2, MaxDelay: maxConnectDelay,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 10 * time.Second, Timeout: silence, PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithChainUnaryInterceptor(intercept),
	}
	if s.cfg.TLS != nil {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(s.cfg.TLS)))
	}
	return options
}

// intercept turns off the SDK's retries, since the caller retries, and a search in particular has no time for it;
// and it makes errors of the statuses in answers, before the SDK drops their codes.
func intercept(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	if err := invoke(ctx, method, req, reply, cc, append(opts, retry.Disable())...); err != nil {
		return err
	}
	status, ok := reply.(*commonpb.Status)
	if !ok {
		answer, has := reply.(interface{ GetStatus() *commonpb.Status })
		if !has {
			return nil
		}
		status = answer.GetStatus()
	}
	return statusError(status)
}

// lines are the connections to the server. gRPC takes 10 s and more to find out that one is dead, when packets
// vanish; lines are cut when they were silent while a call's time ran out.
type lines struct {
	now func() time.Time

	// mu guards open.
	mu   sync.Mutex
	open map[*line]struct{}
}

// line is one connection that notes when something came.
type line struct {
	net.Conn
	lines *lines
	// heard is when bytes came last, in nanoseconds since 1970.
	heard atomic.Int64
}

func (l *lines) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &line{Conn: conn, lines: l}
	c.heard.Store(l.now().UnixNano())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c, nil
}

// Read implements net.Conn.
func (c *line) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(c.lines.now().UnixNano())
	}
	return n, err
}

// Close implements net.Conn.
func (c *line) Close() error {
	c.lines.mu.Lock()
	delete(c.lines.open, c)
	c.lines.mu.Unlock()
	return c.Conn.Close()
}

// cutSilent closes the connections on which nothing came for the time of silence. gRPC connects anew.
func (l *lines) cutSilent() {
	limit := l.now().Add(-silence).UnixNano()
	l.mu.Lock()
	var cut []*line
	for c := range l.open {
		if c.heard.Load() < limit {
			cut = append(cut, c)
		}
	}
	l.mu.Unlock()
	for _, c := range cut {
		// Nobody is left to be told: gRPC closes it again and learns the same.
		_ = c.Conn.Close()
	}
}
