package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

func TestHandle(t *testing.T) {
	server, err := NewServer(ServerConfig{Hello: helloOf("b"), Logger: quiet()})
	require.NoError(t, err)
	server.Handle(1, echo)
	require.Panics(t, func() { server.Handle(1, echo) })
	require.Panics(t, func() { server.Handle(2, nil) })
}

func TestOverload(t *testing.T) {
	handler := newStarted()
	_, addr := serve(t, nil, map[uint16]Handler{methodOther: handler.handle}, func(cfg *ServerConfig) {
		cfg.QueryHandlers, cfg.RaftHandlers, cfg.RequestBytes = 2, 2, 1000
	})
	pool := newPool(t, addr, nil)
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := pool.Call(ctx, "b", LaneQuery, methodOther, make([]byte, 400))
			ended <- err
		}()
		<-handler.begun
	}
	overloaded := func(t *testing.T, lane Lane, size int) {
		t.Helper()
		_, err := pool.Call(within(t), "b", lane, methodEcho, make([]byte, size))
		var remote *Error
		require.ErrorAs(t, err, &remote)
		require.Equal(t, CodeOverloaded, remote.Code)
	}
	t.Run("too many calls on the lane", func(t *testing.T) { overloaded(t, LaneQuery, 0) })
	t.Run("too many bytes", func(t *testing.T) { overloaded(t, LaneRaft, 201) })
	t.Run("another lane has its own bound", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", LaneRaft, methodEcho, make([]byte, 200))
		require.NoError(t, err)
	})
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	t.Run("a single call may be larger than all bytes allowed", func(t *testing.T) {
		require.Eventually(t, func() bool {
			_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, make([]byte, 5000))
			return err == nil
		}, timeout, time.Millisecond)
	})
}

func TestTooManyInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newNetwork()
		serve(t, network.listen("b"), nil, func(cfg *ServerConfig) { cfg.QueryHandlers = 2 * maxInFlight })
		pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for range maxInFlight {
			go pool.Call(ctx, "b", LaneQuery, methodHang, nil)
		}
		synctest.Wait()
		_, err := pool.Call(ctx, "b", LaneQuery, methodHang, nil)
		var local *Error
		require.ErrorAs(t, err, &local)
		require.Equal(t, CodeOverloaded, local.Code)
		cancel()
		synctest.Wait()
		_, err = pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, network.dials.Load())
	})
}

func TestServerClose(t *testing.T) {
	t.Run("calls under way may end, new ones are turned away", func(t *testing.T) {
		begun, release := make(chan struct{}), make(chan struct{})
		server, addr := serve(t, nil, map[uint16]Handler{
			methodOther: func(_ context.Context, _, dst []byte) ([]byte, error) {
				close(begun)
				<-release
				return append(dst, "done"...), nil
			},
		}, func(cfg *ServerConfig) { cfg.DrainTimeout = timeout })
		pool := newPool(t, addr, nil)
		answer := make(chan string, 1)
		ctx := within(t)
		go func() {
			got, err := pool.Call(ctx, "b", LaneQuery, methodOther, nil)
			if err != nil {
				got = []byte(err.Error())
			}
			answer <- string(got)
		}()
		<-begun
		closed := make(chan error, 1)
		go func() { closed <- server.Close() }()
		require.Eventually(t, func() bool {
			_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
			if err != nil {
				require.ErrorIs(t, err, ErrUnreachable)
				require.ErrorContains(t, err, "shutting down")
			}
			return err != nil
		}, timeout, time.Millisecond)
		close(release)
		require.NoError(t, <-closed)
		require.Equal(t, "done", <-answer)
		_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrUnreachable)
	})
	t.Run("clients hear a goodbye and hold nothing up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := newNetwork()
			server, _ := serve(t, network.listen("b"), nil, nil)
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			for _, lane := range []Lane{LaneQuery, LaneRaft, LaneBulk} {
				_, err := pool.Call(context.Background(), "b", lane, methodEcho, nil)
				require.NoError(t, err)
			}
			start := time.Now()
			require.NoError(t, server.Close())
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("a goodbye says that a call was not begun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := newNetwork()
			listener := network.listen("b")
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = io.ReadFull(conn, make([]byte, 1))
				_, _ = readGreeting(conn)
				hello, _ := appendGreeting(nil, greet(Hello{Node: "b"}))
				_, _ = conn.Write(hello)
				_, _ = io.ReadFull(conn, make([]byte, headSize+requestSize))
				_, _ = conn.Write(appendHead(nil, kindGoodbye, 0, 0))
				_, _ = io.Copy(io.Discard, conn)
			}()
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			_, err := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, ErrUnreachable)
			require.NotErrorIs(t, err, ErrBroken)
		})
	})
	t.Run("calls that don't end are cancelled, then given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := newNetwork()
			handler := newStarted()
			release := make(chan struct{})
			server, err := NewServer(ServerConfig{Hello: helloOf("b"), Logger: quiet()})
			require.NoError(t, err)
			server.Handle(methodOther, func(ctx context.Context, body, dst []byte) ([]byte, error) {
				_, err := handler.handle(ctx, body, dst)
				<-release
				return nil, err
			})
			served := make(chan error, 1)
			listener := network.listen("b")
			go func() { served <- server.Serve(listener) }()
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			failed := make(chan error, 1)
			go func() {
				_, err := pool.Call(context.Background(), "b", LaneQuery, methodOther, nil)
				failed <- err
			}()
			<-handler.begun
			start := time.Now()
			closed := make(chan error, 1)
			go func() { closed <- server.Close() }()
			require.ErrorIs(t, <-handler.ended, context.Canceled)
			require.Equal(t, defaultDrainTimeout, time.Since(start))
			require.ErrorIs(t, <-failed, ErrBroken)
			require.ErrorContains(t, <-closed, "1 calls did not end within 5s")
			require.Equal(t, defaultDrainTimeout+defaultCloseTimeout, time.Since(start))
			require.NoError(t, <-served)
			require.NoError(t, server.Close(), "closing again is no error")
			require.ErrorIs(t, server.Serve(network.listen("c")), ErrClosed)
			close(release)
		})
	})
}

func TestBrokenClients(t *testing.T) {
	server, addr := serve(t, nil, nil, nil)
	for name, frames := range map[string][]byte{
		"an unknown kind": appendHead(nil, 9, 1, 0),
		"a response":      failureFrame(1, &Error{Code: 1}),
		"an id twice": append(appendRequest(nil, 1, &request{method: methodHang}, 0),
			appendRequest(nil, 1, &request{method: methodHang}, 0)...),
		"unknown flags":          {17, 0, 0, 0, kindRequest, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0, 0},
		"half a frame, an end":   {17, 0, 0},
		"a request, half a body": appendRequest(nil, 1, &request{method: methodEcho}, 1000),
	} {
		t.Run(name+" closes the connection", func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			hello, err := appendGreeting([]byte{'Q'}, greet(Hello{Node: "x"}))
			require.NoError(t, err)
			_, err = conn.Write(append(hello, frames...))
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, err = readGreeting(conn)
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(timeout)))
			_, err = io.Copy(io.Discard, conn)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	require.Eventually(t, func() bool { return server.gate.count() == 0 }, timeout, time.Millisecond)
}

func TestTLS(t *testing.T) {
	certificate, roots := selfSigned(t)
	server := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	_, addr := serve(t, nil, nil, func(cfg *ServerConfig) { cfg.TLS = server })
	client := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	pool := newPool(t, addr, func(cfg *PoolConfig) { cfg.TLS = client })
	for _, size := range []int{0, 1 << 10, 3 << 20} {
		got, err := pool.Call(within(t), "b", LaneQuery, methodEcho, make([]byte, size))
		require.NoError(t, err)
		require.Len(t, got, size)
	}
	t.Run("a certificate nobody vouches for is refused", func(t *testing.T) {
		pool := newPool(t, addr, func(cfg *PoolConfig) { cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13} })
		_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrUnreachable)
		require.ErrorContains(t, err, "certificate")
	})
	t.Run("a client without is refused", func(t *testing.T) {
		_, err := newPool(t, addr, nil).Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrUnreachable)
	})
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// value reads a counter or a gauge.
func value(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, metric.Write(&m))
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	server, addr := serve(t, nil, nil, func(cfg *ServerConfig) { cfg.Registry = registry })
	pool := newPool(t, addr, func(cfg *PoolConfig) { cfg.Registry = registry })
	_, err := pool.Call(within(t), "b", LaneRaft, methodEcho, make([]byte, 1000))
	require.NoError(t, err)
	_, err = pool.Call(within(t), "b", LaneRaft, 0x7777, nil)
	require.Error(t, err)
	require.Equal(t, 1.0, value(t, pool.metrics.calls[1][outcomeOK]))
	require.Equal(t, 1.0, value(t, pool.metrics.calls[1][outcomeError]))
	require.Equal(t, 1.0, value(t, pool.metrics.connections[1]))
	require.Equal(t, 1.0, value(t, server.metrics.connections[1]))
	require.Greater(t, value(t, server.metrics.received), 1000.0)
	require.Greater(t, value(t, pool.metrics.received), 1000.0)
	families, err := registry.Gather()
	require.NoError(t, err)
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	require.Equal(t, []string{"wire_bytes_total", "wire_calls_total", "wire_connections"}, names)
	_, err = NewPool(PoolConfig{
		Hello: helloOf("a"), Logger: quiet(), Registry: registry,
		Resolve: func(string) (string, bool) { return "", false },
	})
	require.ErrorContains(t, err, "register wire metrics")
	require.NoError(t, pool.Close())
	require.NoError(t, server.Close())
	families, err = registry.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
}

func TestConfigs(t *testing.T) {
	for name, change := range map[string]func(*ServerConfig){
		"Hello":         func(c *ServerConfig) { c.Hello = nil },
		"Logger":        func(c *ServerConfig) { c.Logger = nil },
		"QueryHandlers": func(c *ServerConfig) { c.QueryHandlers = -1 },
		"RequestBytes":  func(c *ServerConfig) { c.RequestBytes = -1 },
		"PeerTimeout":   func(c *ServerConfig) { c.PingInterval = defaultPeerTimeout },
		"CloseTimeout":  func(c *ServerConfig) { c.CloseTimeout = -1 },
	} {
		t.Run("a server needs "+name, func(t *testing.T) {
			cfg := ServerConfig{Hello: helloOf("b"), Logger: quiet()}
			require.NoError(t, cfg.Validate())
			change(&cfg)
			_, err := NewServer(cfg)
			require.ErrorIs(t, err, ErrInvalidConfig)
			require.ErrorContains(t, err, name)
		})
	}
	for name, change := range map[string]func(*PoolConfig){
		"Hello":        func(c *PoolConfig) { c.Hello = nil },
		"Logger":       func(c *PoolConfig) { c.Logger = nil },
		"Resolve":      func(c *PoolConfig) { c.Resolve = nil },
		"DialTimeout":  func(c *PoolConfig) { c.DialTimeout = -1 },
		"PingInterval": func(c *PoolConfig) { c.PingInterval, c.PeerTimeout = 2, 1 },
	} {
		t.Run("a pool needs "+name, func(t *testing.T) {
			cfg := PoolConfig{
				Hello: helloOf("a"), Logger: quiet(), Resolve: func(string) (string, bool) { return "", false },
			}
			require.NoError(t, cfg.Validate())
			change(&cfg)
			_, err := NewPool(cfg)
			require.ErrorIs(t, err, ErrInvalidConfig)
			require.ErrorContains(t, err, name)
		})
	}
}
